import Crypto
import Envelope
import Foundation
import GRDB
import Testing
import WireFormat

@testable import KeyBroker

@Suite("Administration")
struct AdminTests {
    static let calls = [
        "GET resource", "POST resource/a/b/c", "DELETE resource/a/b/c", "POST testudo/keys/a/b/c",
        "GET testudo/manifests", "GET testudo/manifests/00", "PUT testudo/manifests/00",
        "DELETE testudo/manifests/00", "PUT testudo/reference-values", "GET testudo/reference-values",
        "DELETE testudo/reference-values/0.1.0", "GET reference-value", "GET reference-value/a/b",
        "POST reference-value", "DELETE reference-value/a",
        "GET testudo/audit",
    ]

    @Test(arguments: calls)
    func `no administrative call is open`(call: String) async throws {
        let bench = try await BrokerBench()
        let parts = call.split(separator: " ").map(String.init)
        let stranger = Curve25519.Signing.PrivateKey()
        let header = Base64.encodeURL(Array(#"{"alg":"none"}"#.utf8))
        let claims = Base64.encodeURL(Array(#"{"role":"admin","exp":9999999999}"#.utf8))
        let mixed = Base64.encodeURL(Array(#"{"alg":"HS256"}"#.utf8)) + "." + claims
        let secret = SymmetricKey(data: bench.admin.publicKey.rawRepresentation)
        let mac = Array(HMAC<SHA256>.authenticationCode(for: Array(mixed.utf8), using: secret))
        for token in [
            nil, "\(header).\(claims).", "\(mixed).\(Base64.encodeURL(mac))", try bench.adminToken(key: stranger),
            try bench.adminToken(["exp": .null]), try bench.adminToken(["exp": .integer(bench.time.now)]),
            try bench.adminToken(["exp": .integer(bench.time.now + 3601)]), try bench.adminToken(["role": .null]),
            try bench.adminToken(["aud": "other"]),
            try bench.adminToken(["nbf": .integer(bench.time.now + 120)]), try bench.adminToken(key: bench.release),
        ] {
            let response = await bench.send(parts[0], "kbs/v0/" + parts[1], body: [1], bearer: token)
            try expectRefusal(response, 401, "AdminAuthAccess")
        }
        // Who he is was shown, and that it is not for him.
        let tester = try bench.adminToken(["role": "tester"])
        try expectRefusal(
            await bench.send(parts[0], "kbs/v0/" + parts[1], body: [1], bearer: tester), 403, "AdminAuthAccess")
        let refusals = try await bench.audit().filter { $0["decision"] == "deny" }
        #expect(refusals.count == 12)
    }

    @Test func `resources are stored, listed and deleted, and never read back by administrators`() async throws {
        let bench = try await BrokerBench()
        #expect(try await bench.administer("POST", "resource/a/b/c", [1, 2, 3]).status == 200)
        #expect(try await bench.administer("POST", "resource/a/b/c", [4]).status == 200)
        let list = try JSONValue.parse(try await bench.administer("GET", "resource").body)
        #expect(list.arrayValue?.compactMap { $0["path"]?.stringValue } == ["a/b/c"])
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/a/b/c", bearer: try bench.adminToken()), 401,
            "TokenVerifierError")
        #expect(try await bench.administer("DELETE", "resource/a/b/c").status == 200)
        try expectRefusal(try await bench.administer("DELETE", "resource/a/b/c"), 404, "InvalidRequestPath")
        try expectRefusal(try await bench.administer("POST", "resource/.a/b/c", [1]), 404, "InvalidRequestPath")
    }

    @Test(arguments: ["p256", "rsa3072", "symmetric"])
    func `a made key leaves only its public part and is never replaced`(kind: String) async throws {
        let bench = try await BrokerBench()
        let body = JSONValue.object(["kind": .string(kind)]).canonicalBytes
        let made = try await bench.administer("POST", "testudo/keys/default/image-key/hello", body)
        #expect(made.status == 200)
        let text = String(decoding: made.body, as: UTF8.self)
        #expect(!text.contains("PRIVATE"))
        #expect(text.contains("BEGIN PUBLIC KEY") == (kind != "symmetric"))
        let stored = try #require(
            try await bench.broker.store.resource(try ResourcePath(parsing: "default/image-key/hello"), now: 0))
        #expect(kind == "symmetric" ? stored.count == 32 : stored.copyBytes().starts(with: Array("-----BEGIN P".utf8)))
        try expectRefusal(
            try await bench.administer("POST", "testudo/keys/default/image-key/hello", body), 409, "ResourceExists")
    }

    @Test func `reference values enter only signed by the release key`() async throws {
        let bench = try await BrokerBench()
        let claims: JSONValue = ["version": "1", "values": []]
        let byAdmin = try JWS.signEdDSA(claims: claims, key: bench.admin)
        for body in [byAdmin, claims.canonicalText, ""] {
            try expectRefusal(
                try await bench.administer("PUT", "testudo/reference-values", Array(body.utf8)), 400, "SerdeError")
        }
        let good = try JWS.signEdDSA(claims: claims, key: bench.release)
        #expect(try await bench.administer("PUT", "testudo/reference-values", Array(good.utf8)).status == 200)
    }

    @Test(arguments: [
        #"{"hostnames":["*.default.localhost"]}"#, #"{"hostnames":["A.b"]}"#, #"{"measurements":[]}"#,
        #"{"measurements":["00"]}"#, #"{"resources":["a/b"]}"#, #"{"expires":"soon"}"#, #"{"state":"retired"}"#,
        #"{"surprise":1}"#, #"{"name":null}"#, #"{"guestVersion":null}"#, #"{"guestVersion":""}"#,
        #"{"simulated":"yes"}"#,
    ])
    func `a faulty registration is refused`(change: String) async throws {
        let bench = try await BrokerBench()
        let good: [String: JSONValue] = [
            "name": "n", "namespace": "d", "hostnames": ["a.b"], "resources": [], "measurements": "any-reference",
            "guestVersion": "0.1.0", "expires": "2099-01-01T00:00:00Z",
        ]
        let digest = String(repeating: "0a", count: 32)
        let fine = try await bench.administer(
            "PUT", "testudo/manifests/\(digest)", JSONValue.object(good).canonicalBytes)
        #expect(fine.status == 200)
        let changes = try #require(try JSONValue.parse(text: change).objectValue)
        let body = JSONValue.object(good.merging(changes) { $1 }).canonicalBytes
        try expectRefusal(
            try await bench.administer("PUT", "testudo/manifests/\(digest)", body), 400, "SerdeError")
    }

    @Test func `a store that fails is no reason to call again: not ready, and the cause is for the log alone`()
        async throws
    {
        let bench = try await BrokerBench()
        #expect(try await bench.administer("POST", "resource/a/b/c", [1]).status == 200)
        let database = try DatabasePool(path: try BrokerConfiguration(file: bench.folder + "/config.json").database)
        try await database.write { try $0.execute(sql: "ALTER TABLE entry RENAME TO gone") }
        let answer = await bench.send("GET", "readyz")
        try expectRefusal(answer, 503, "StorageBackendUnavailable")
        #expect(try JSONValue.parse(answer.body)["detail"]?.stringValue?.hasPrefix("the store") == true)
        // What upkeep writes to the log, once for each cause.
        let cause = await #expect(throws: BrokerError.self) { try await bench.broker.followReplicas() }
        #expect(cause.map { $0.auditedReason.hasPrefix($0.detail + ": ") } == true, "\(String(describing: cause))")
    }

    @Test func `health and metrics are open and other paths are unknown`() async throws {
        let bench = try await BrokerBench()
        #expect(await bench.send("GET", "healthz").status == 200)
        #expect(await bench.send("GET", "readyz").status == 200)
        let page = String(decoding: await bench.send("GET", "metrics").body, as: UTF8.self)
        #expect(page.contains("kbs_http_requests_total") && page.contains("kbs_build_info"))
        for path in ["", "kbs/v0", "kbs/v0/nothing", "kbs/v0/testudo/ca/other", "metrics/x", "kbs/v0/testudo"] {
            try expectRefusal(await bench.send("GET", path), 404, "InvalidRequestPath")
        }
        #expect(await bench.send("GET", ".well-known/jwks.json").status == 200)
    }
}
