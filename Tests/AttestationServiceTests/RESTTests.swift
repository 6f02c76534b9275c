import Foundation
import TestSupport
import Testing
import Verifier
import WireFormat

/// The service over HTTP, called by curl.
@Suite("Attestation over HTTP", .enabled(if: Vectors.available && areInstalled("curl")))
struct RESTTests {
    private static func request(_ more: [String: JSONValue] = [:], policies: [JSONValue] = []) throws -> [UInt8] {
        let evidence = try Vectors.bytes("trustee/attestation-service/tests/e2e/evidence.json")
        let entry: [String: JSONValue] = ["tee": "snp", "evidence": .string(Base64.encodeURL(evidence))]
        return JSONValue.object([
            "verification_requests": [.object(entry.merging(more) { $1 })], "policy_ids": .array(policies),
        ]).canonicalBytes
    }

    @Test func `has the paths of trustee's service`() throws {
        let service = try ServiceProcess(["--explain"])
        let client = ServiceProcess.clientToken
        #expect(try service.http("/healthz").status == "200")
        #expect(try service.http("/attestation", body: try Self.request()).status == "401")
        let (status, token) = try service.http("/attestation", token: client, body: try Self.request())
        #expect(status == "200")
        let parts = String(decoding: token, as: UTF8.self).split(separator: ".")
        let claims = try JSONValue.parse(
            try Base64.decodeURL(String(try #require(parts.dropFirst().first)), field: "token"))
        let cpu = try #require(claims["submods"]?["cpu0"])
        #expect(cpu["ear.status"] == "contraindicated")
        #expect(cpu["testudo.explanation"]?["claims"]?.arrayValue?.isEmpty == false)
        let elsewhere: [String: JSONValue] = [
            "runtime_data": ["structured": ["nonce": "x"]], "runtime_data_hash_algorithm": "sha384",
        ]
        let refused = try service.http("/attestation", token: client, body: try Self.request(elsewhere))
        #expect(refused.status == "403")
        #expect(String(decoding: refused.body, as: UTF8.self).hasPrefix("report-data:"))
        for body in [
            Array("{".utf8), Array("{}".utf8), try Self.request(["evidence": "AAAA"]),
            try Self.request(["runtime_data_hash_algorithm": "sm3"]), try Self.request(["unknown": 1]),
            try Self.request(policies: [1]), try Self.request(policies: ["default", "default"]),
        ] {
            #expect(try service.http("/attestation", token: client, body: body).status == "400")
        }
        let challenge = try service.http("/challenge", token: client, body: Array(#"{"tee":"tdx"}"#.utf8))
        #expect(challenge.status == "200" && challenge.body.count == 44)
        #expect(try service.http("/nothing", token: client).status == "404")
    }

    @Test func `takes trustee's own requests`() throws {
        // The enclave of these requests is a debug enclave.
        let service = try ServiceProcess(["--allow-debug"])
        let folder = "trustee/attestation-service/tests/coco-as"
        let policy = try Vectors.bytes("\(folder)/policy/restful-set-policy.json")
        #expect(try service.http("/policy", body: policy).status == "401")
        #expect(try service.http("/policy", token: ServiceProcess.clientToken, body: policy).status == "403")
        #expect(try service.http("/policy", token: ServiceProcess.adminToken, body: policy).status == "200")
        let names = try JSONValue.parse(try service.http("/policy", token: ServiceProcess.clientToken).body)
        #expect(names == [["policy-id": "default"], ["policy-id": "some-id"]])
        // Without Intel's data at hand the quote is genuine and no more; trustee's default policy has nothing on SGX either.
        for path in ["request.json", "policy/check.json"] {
            let request = try Vectors.bytes("\(folder)/\(path)")
            let reply = try service.http("/attestation", token: ServiceProcess.clientToken, body: request)
            #expect(reply.status == "200", "\(path): \(String(decoding: reply.body, as: UTF8.self))")
            let parts = String(decoding: reply.body, as: UTF8.self).split(separator: ".")
            let claims = try JSONValue.parse(
                try Base64.decodeURL(String(try #require(parts.dropFirst().first)), field: "token"))
            let cpu = try #require(claims["submods"]?["cpu0"])
            #expect(cpu["ear.status"]?.stringValue == (path == "request.json" ? "contraindicated" : "none"))
            #expect(
                cpu["ear.veraison.annotated-evidence"]?["sgx"]?["body"]?["mr_enclave"]
                    == "8f173e4613ff05c52aaf04162d234edae8c9977eae47eb2299ae16a553011c68")
            let protections = cpu["ear.veraison.annotated-evidence"]?["protections"]?.arrayValue
            #expect(protections?.contains("memory-confidentiality") == false)
        }
        let strict = try ServiceProcess()
        let refused = try strict.http(
            "/attestation", token: ServiceProcess.clientToken, body: try Vectors.bytes("\(folder)/request.json"))
        #expect(refused.status == "403")
        #expect(String(decoding: refused.body, as: UTF8.self).hasPrefix("policy.debug:"))
    }

    @Test func `does not start where nobody could call, or anybody could listen in`() throws {
        func complaint(_ options: [String]) -> String {
            do {
                let folder = try ScratchFolder()
                _ = try run(
                    ServiceProcess.program.path, ["--signing-key", folder.path + "/key.pem"] + options)
                return ""
            } catch let failure as ProgramFailure {
                return failure.complaint
            } catch {
                return "\(error)"
            }
        }
        #expect(complaint([]).contains("nobody may call"))
        #expect(complaint(["--insecure-anonymous", "--grpc", "0.0.0.0:0"]).contains("--insecure-cleartext"))
        #expect(complaint(["--insecure-anonymous", "--algorithm", "HS256"]).contains("ES256 or ES384"))
        #expect(complaint(["--insecure-anonymous", "--certificate", "/nothing"]).contains("--private-key"))
    }

    @Test func `keys change between runs, and the former ones are known until their last token has expired`() throws {
        let first = try ServiceProcess()
        func names(_ service: ServiceProcess) throws -> [String?] {
            try JSONValue.parse(try service.http("/.well-known/jwks.json").body)["keys"]?.arrayValue?
                .map { $0["kid"]?.stringValue } ?? []
        }
        let former = try names(first)
        #expect(former.count == 1)
        let file = first.folder.path + "/signing.pem"
        func start(until seconds: Int64) throws -> ServiceProcess {
            try ServiceProcess(["--algorithm", "ES384", "--former-key", "\(ReferenceTime.text(seconds))=\(file)"])
        }
        let now = Int64(Date().timeIntervalSince1970)
        let second = try start(until: now)
        let later = try names(second)
        #expect(later.count == 2 && later.last == former.first)
        let keys = try JSONValue.parse(try second.http("/.well-known/jwks.json").body)
        #expect(keys["keys"]?.arrayValue?.first?["crv"] == "P-384")
        // Its last token expired five minutes after it signed last, however often the service starts.
        let third = try start(until: now - 301)
        #expect(try !names(third).contains(former[0]))
        for wrong in [file, "soon=\(file)", "\(ReferenceTime.text(now + 86_400))=\(file)"] {
            #expect(throws: (any Error).self) { try ServiceProcess(["--former-key", wrong]) }
        }
    }
}
