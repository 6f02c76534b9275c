import Crypto
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Init-data and runtime data")
struct InitDataDocumentTests {
    @Test func `runtime data are hashed in canonical form`() throws {
        let document: JSONValue = ["b": 1, "a": "test", "c": ["d": "e"]]
        let submission = Submission(tee: "snp", evidence: [:], runtimeData: .structured(document))
        #expect(
            Hex.encode(submission.reportData ?? [])
                == "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941da78870c3")
        #expect(submission.runtimeDataClaims == document)
        #expect(Submission(tee: "snp", evidence: [:], runtimeData: .raw([1])).reportData == [1])
        #expect(try HashAlgorithm(parsing: "SHA-512", field: "hash") == .sha512)
        #expect(throws: WireError.self) { try HashAlgorithm(parsing: "sm3", field: "hash") }
    }

    @Test(.enabled(if: Vectors.available)) func `trustee's init-data give the policy's data`() throws {
        let bytes = try Vectors.bytes("trustee/integration-tests/tests/init-data-with-policy.toml")
        let document = try InitDataDocument(parsing: bytes)
        #expect(document.digest == Array(SHA256.hash(data: bytes)))
        let policy = try #require(document.claims["agent_policy_claims"])
        let container = try #require(policy["containers"]?.arrayValue?[1])
        #expect(
            container["OCI"]?["Process"]?["Args"]?.arrayValue?.first
                == "/opt/bitnami/scripts/nginx/entrypoint.sh")
        for length in stride(from: 0, to: bytes.count, by: 997) {
            _ = try? InitDataDocument(parsing: Array(bytes.prefix(length)))
        }
    }

    @Test func `configurations of agents are documents`() throws {
        let text = """
            version = "0.1.0"  # a comment
            algorithm = "sha384"
            [data]
            "aa.toml" = '''
            [token_configs.kbs]
            url = 'http://127.0.0.1:8080'
            numbers = [1, 0x10, 1_000, -2, 1.5,
              true] # more
            inline = {a = 1, b.c = "x\\u0041\\\\"}
            [[list]]
            n = 1
            [[list]]
            n = 2
            '''
            other = "as it stands"
            """
        let document = try InitDataDocument(parsing: Array(text.utf8))
        #expect(document.algorithm == .sha384)
        let agent = try #require(document.claims["aa.toml"])
        #expect(agent["token_configs"]?["kbs"]?["url"] == "http://127.0.0.1:8080")
        #expect(agent["token_configs"]?["kbs"]?["numbers"] == [1, 16, 1000, -2, 1.5, true])
        #expect(agent["token_configs"]?["kbs"]?["inline"] == ["a": 1, "b": ["c": "xA\\"]])
        #expect(agent["list"] == [["n": 1], ["n": 2]])
        #expect(document.claims["other"] == "as it stands")
    }

    @Test func `texts of all four kinds`() throws {
        let text = "a = \"x\\ty\"\nb = 'x\\ty'\nc = \"\"\"\none \\\n   two\"\"\"\"\nd = '''\nit''s'''''\n"
        #expect(
            try TOMLParser.parse(text)
                == ["a": "x\ty", "b": "x\\ty", "c": "one two\"", "d": "it''s''"])
    }

    @Test func `numbers in all their forms`() throws {
        let text = "a = [0, +1, -0, 0x1F, 0o17, 0b1_1, 1_000, 1.5, -2e3, 6.02E+2_3, 0.5e-1, 9223372036854775807]\r\n"
        #expect(
            try TOMLParser.parse(text)["a"]
                == [0, 1, 0, 31, 15, 3, 1000, 1.5, -2000.0, 6.02e23, 0.05, 9_223_372_036_854_775_807])
    }

    @Test(arguments: [
        "a = 1\na = 2", "[t]\n[t]", "a = 1\n[a]", "a.b = 1\na = 2", "a = ", "= 1", "a = \"x", "a = '''x", "a = [1",
        "a = {b = 1", "a = 1 2", "a = 1979-05-27", "a = \"\\x\"", "a = \"\\ud800\"", "[[a]]\n[a]\nb=1\n[a]", "a = nan",
        "[a", "a b = 1", "a = 1__0", "[t]\na=1\n[[t]]",
        // Second spellings and control characters, which the guest's own reader refuses.
        "a = 0x+5", "a = 0x-5", "a = 0x_5", "a = 01", "a = -01", "a = 1_.5", "a = .5", "a = 5.", "a = 1e", "a = 01.5",
        "a = 99999999999999999999",
        "a = \"\\u+041\"", "a = 'x\u{1}'", "a = \"\u{7F}\"", "a = \"x\ry\"", "a = 1 # \u{0}", "a = '''\u{8}'''",
    ])
    func `what is no document is refused`(text: String) {
        #expect(throws: WireError.self) { try TOMLParser.parse(text) }
    }

    @Test func `depth and size are bounded`() {
        let deep = "a = " + String(repeating: "[", count: 100_000)
        #expect(throws: WireError.self) { try TOMLParser.parse(deep) }
        let long = "a" + String(repeating: ".a", count: 100_000) + " = 1"
        #expect(throws: WireError.self) { try TOMLParser.parse(long) }
        #expect(throws: WireError.self) {
            try InitDataDocument(parsing: [UInt8](repeating: 0x20, count: InitDataDocument.sizeLimit + 1))
        }
    }

    @Test func `claims nest no deeper than a token can be read`() throws {
        func document(_ name: String, _ content: String) throws -> InitDataDocument {
            let text = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n\"\(name)\" = '''\n\(content)\n'''\n"
            return try InitDataDocument(parsing: Array(text.utf8))
        }
        func path(_ count: Int) -> String { Array(repeating: "a", count: count).joined(separator: ".") }
        func list(_ count: Int) -> String {
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        // The claims are a level and the agent's document another; each part of a key but its last is one more.
        let most = InitDataDocument.depthLimit - 2
        for good in ["\(path(most + 1)) = 1", "a = \(list(most))", "[\(path(20))]\n\(path(20)) = \(list(most - 39))"] {
            #expect(throws: Never.self) { try document("aa.toml", good) }
        }
        let tables = String(repeating: "{\(path(40)) = ", count: 30) + "1" + String(repeating: "}", count: 30)
        for bad in [
            "\(path(most + 2)) = 1", "a = \(list(most + 1))", "[\(path(40))]\n\(path(40)) = 1", "a = \(tables)",
            "[\(path(64))]\n\(path(64)) = \(list(31))",
        ] {
            #expect(throws: WireError.self, "\(bad)") { try document("aa.toml", bad) }
        }
        #expect(throws: Never.self) { try document("policy.rego", "policy_data := {\"a\": \(list(most))}") }
        #expect(throws: WireError.self) { try document("policy.rego", "policy_data := {\"a\": \(list(most + 1))}") }
    }
}
