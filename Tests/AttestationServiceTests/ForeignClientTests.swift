import Crypto
import Envelope
import Foundation
import TestSupport
import Testing
import WireFormat

/// The service as a client sees it that is not the project's: Google's gRPC for Python, which `scripts/setup` installs.
@Suite(
    "A foreign gRPC client", .enabled(if: Vectors.available, "there are no vectors"),
    .enabled(if: ServiceProcess.python != nil, "python3 cannot import grpc: scripts/setup installs python3-grpcio"))
struct ForeignClientTests {
    private static func text(_ reply: JSONValue?, field: Int64 = 1) -> String? {
        reply?.arrayValue?.last?.arrayValue?.first { $0.arrayValue?.first?.integerValue == field }?.arrayValue?.last?
            .stringValue
    }

    private static func claims(_ reply: JSONValue?) throws -> JSONValue {
        let parts = try #require(text(reply)).split(separator: ".")
        return try JSONValue.parse(try Base64.decodeURL(String(parts[1]), field: "token"))
    }

    @Test func `gets what trustee's service gives, and nothing without a token`() throws {
        let service = try ServiceProcess()
        let replies = try service.call()
        func status(_ call: String) -> String? { replies[call]?.arrayValue?.first?.stringValue }
        for (call, expected) in [
            ("health", "OK"), ("health-of-service", "OK"), ("health-of-unknown", "NOT_FOUND"),
            ("evaluate-anonymous", "UNAUTHENTICATED"), ("evaluate-stranger", "UNAUTHENTICATED"), ("evaluate", "OK"),
            ("evaluate-bound", "OK"), ("evaluate-bound-elsewhere", "PERMISSION_DENIED"),
            ("evaluate-init-data", "PERMISSION_DENIED"), ("evaluate-toml", "PERMISSION_DENIED"),
            ("evaluate-two", "OK"), ("evaluate-none", "PERMISSION_DENIED"), ("evaluate-tampered", "PERMISSION_DENIED"),
            ("evaluate-mislabelled", "PERMISSION_DENIED"), ("evaluate-no-json", "INVALID_ARGUMENT"),
            ("policy-by-client", "PERMISSION_DENIED"), ("policy", "OK"), ("policy-broken", "INVALID_ARGUMENT"),
            ("evaluate-mine-before", "OK"), ("register-by-client", "PERMISSION_DENIED"), ("query-before", "OK"),
            ("register", "OK"), ("register-broken", "INVALID_ARGUMENT"), ("query", "OK"),
            ("query-anonymous", "UNAUTHENTICATED"), ("evaluate-mine", "OK"),
            ("evaluate-missing-policy", "PERMISSION_DENIED"), ("challenge", "OK"), ("challenge-se", "UNIMPLEMENTED"),
            ("unknown-method", "UNIMPLEMENTED"), ("health-after", "OK"),
            ("evaluate-two-policies", "INVALID_ARGUMENT"), ("watch-anonymous", "UNAUTHENTICATED"), ("watch", "OK"),
        ] {
            #expect(status(call) == expected, "\(call): \(replies[call]?.canonicalText ?? "no reply")")
        }
        #expect(status("evaluate-cut") != "OK")
        // Nobody in particular may ask for health, and bring no more than that takes.
        #expect(status("health-long") == "NOT_FOUND" && status("health-too-long-by-client") == "NOT_FOUND")
        let cut = status("health-too-long") ?? "NOT_FOUND"
        #expect(!["OK", "NOT_FOUND"].contains(cut), "\(cut)")
        // This client's own connection is one of the 128.
        #expect(replies["crowd"]?.arrayValue?.last == 127)
        #expect(replies["health"]?.arrayValue?.last == [[1, 1]])
        #expect(replies["evaluate-tampered"]?.canonicalText.contains("signature:") == true)
        let plain = try Self.claims(replies["evaluate"])
        #expect(plain["submods"]?["cpu0"]?["ear.status"] == "contraindicated")
        #expect(plain["eat_profile"] == "tag:github.com,2024:confidential-containers/Trustee")
        let two = try Self.claims(replies["evaluate-two"])
        #expect(two["submods"]?.objectValue?.count == 2)
        #expect(Self.text(replies["query-before"]) == nil)
        #expect(Self.text(replies["query"]) == #"["known"]"#)
        #expect(try Self.claims(replies["evaluate-mine-before"])["submods"]?["cpu0"]?["ear.status"] == "none")
        let mine = try Self.claims(replies["evaluate-mine"])
        #expect(mine["submods"]?["cpu0"]?["ear.status"] == "affirming")
        #expect(mine["submods"]?["cpu0"]?["ear.appraisal-policy-id"] == "mine")
        let nonce = try #require(Self.text(replies["challenge"]))
        #expect(try Base64.decode(nonce, field: "challenge").count == 32)
        // What the service publishes over HTTP checks what it issued over gRPC.
        let keys = try JSONValue.parse(try service.http("/.well-known/jwks.json").body)
        let key = try JSONWebKey(parsing: try #require(keys["keys"]?.arrayValue?.first)).p256Signing()
        let token = try #require(Self.text(replies["evaluate"]))
        #expect(throws: Never.self) { try JWS.verify(token, keys: [.es256(key)]) }
    }

    @Test(.enabled(if: areInstalled("openssl")))
    func `speaks TLS, and is known by its certificate where that is asked for`() throws {
        let folder = try ScratchFolder()
        func file(_ name: String) -> String { "\(folder.path)/\(name)" }
        func openssl(_ arguments: String...) throws { try run("openssl", arguments) }
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file("ca.key"),
            "-out", file("ca.pem"), "-days", "2", "-subj", "/CN=test authority")
        for name in ["localhost", "caller", "stranger"] {
            let issuer = name == "stranger" ? "other" : "ca"
            if name == "stranger" {
                try openssl(
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    file("other.key"), "-out", file("other.pem"), "-days", "2", "-subj", "/CN=other authority")
            }
            try openssl(
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file("\(name).key"),
                "-out", file("\(name).csr"), "-subj", "/CN=\(name)")
            let extensions = try folder.write("\(name).ext", Array("subjectAltName=DNS:\(name)\n".utf8))
            try openssl(
                "x509", "-req", "-in", file("\(name).csr"), "-CA", file("\(issuer).pem"), "-CAkey",
                file("\(issuer).key"), "-CAcreateserial", "-days", "2", "-out", file("\(name).pem"), "-extfile",
                extensions)
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file("localhost.key"))
        let server = ["--certificate", file("localhost.pem"), "--private-key", file("localhost.key")]
        let service = try ServiceProcess(server, folder: folder)
        func status(_ replies: JSONValue, _ call: String) -> String? { replies[call]?.arrayValue?.first?.stringValue }
        let replies = try service.call([file("ca.pem")])
        #expect(status(replies, "evaluate") == "OK" && status(replies, "evaluate-anonymous") == "UNAUTHENTICATED")
        #expect(status(try service.call([file("other.pem")]), "health") == "UNAVAILABLE")
        #expect(status(try service.call(), "health") == "UNAVAILABLE")

        let mutual = try ServiceProcess(server + ["--client-ca", file("ca.pem")], folder: folder, hasTokens: false)
        let known = try mutual.call([file("ca.pem"), file("caller.pem"), file("caller.key")], client: "")
        #expect(status(known, "evaluate") == "OK" && status(known, "evaluate-anonymous") == "OK")
        // A caller's certificate makes no administrator.
        #expect(status(known, "policy") == "UNAUTHENTICATED" && status(known, "register") == "UNAUTHENTICATED")
        let stranger = try mutual.call([file("ca.pem"), file("stranger.pem"), file("stranger.key")])
        #expect(status(stranger, "evaluate") == "UNAVAILABLE")
        #expect(status(try mutual.call([file("ca.pem")]), "evaluate") == "UNAVAILABLE")
    }
}
