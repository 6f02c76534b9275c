import Envelope
import Testing
import Unsealing
import WireFormat

@testable import KeyBroker

/// What reaches out of a tenant, or into it: open policies, keys, what a namespace leaves behind, explanations.
@Suite("The reach of tenants")
struct TenantReachTests {
    private static let allow = Base64.encodeURL(Array("package policy\ndefault allow := true\n".utf8))

    private func open(_ prefix: String) -> [UInt8] {
        JSONValue.object([
            "policy": .string(Self.allow), "prefix": .string(prefix), "registration": "not-needed",
        ]).canonicalBytes
    }

    private func stranger(_ number: Int = 1) -> FakeGuest {
        FakeGuest(
            initData: "version = \"0.1.0\"\n# nobody knows \(number)\n",
            instance: String(repeating: "a\(number)", count: 16))
    }

    private func read(_ bench: BrokerBench, _ path: String, cookie: String? = nil, bearer: String? = nil) async -> Int {
        await bench.send("GET", "kbs/v0/resource/\(path)", cookie: cookie, bearer: bearer).status
    }

    private func attest(_ bench: BrokerBench, _ guest: FakeGuest) async throws -> BrokerResponse {
        let (cookie, nonce) = try await bench.challenge(guest.technology)
        return await bench.send("POST", "kbs/v0/attest", body: guest.attestation(nonce).canonicalBytes, cookie: cookie)
    }

    @Test func `an open policy of a tenant makes no token of the broker for guests that nobody registered`()
        async throws
    {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        for tenant in ["acme", "other"] {
            try await tenants.furnish(tenant, digest: String(repeating: tenant == "acme" ? "0b" : "0c", count: 32))
        }
        try await bench.administer("POST", "resource/free/key/one", [1])
        #expect(try await attest(bench, stranger()).status == 403)
        let set = try await tenants.call("acme", "PUT", "testudo/resource-policies/acme-policy", open("acme"))
        #expect(set.status == 200)
        // It attests, and its session gets what the tenant opened.
        let (cookie, token) = try await bench.attest(stranger())
        #expect(await read(bench, "acme/key/one", cookie: cookie) == 200)
        for path in ["other/key/one", "free/key/one"] { #expect(await read(bench, path, cookie: cookie) == 403) }
        // What it got as a token counts for nobody: no key of the broker signed it, and it is meant for nobody.
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/acme/key/one", bearer: token), 401, "TokenVerifierError")
        #expect(throws: BrokerError.self) { try bench.broker.tokens.bearer(of: token) }
        let keys = try JSONValue.parse(await bench.send("GET", ".well-known/jwks.json").body)["keys"]?.arrayValue ?? []
        let header = try JWS.unverifiedHeader(token)
        #expect(keys.count == 1 && keys.allSatisfy { $0["kid"] != header["kid"] && $0["x"] != header["jwk"]?["x"] })
        let payload = try JSONValue.parse(
            try Base64.decodeURL(String(try #require(token.split(separator: ".").dropFirst().first)), field: "token"))
        #expect(payload["aud"] == "session-only" && payload["testudo"] != nil && payload["exp"]?.integerValue != nil)
        // Those that a registration is about have tokens as ever.
        let own = FakeGuest()
        try await bench.prepare(own, changes: ["namespace": "acme", "resources": ["acme/key/one"]])
        let (_, good) = try await bench.attest(own)
        #expect(await read(bench, "acme/key/one", bearer: good) == 200)
    }

    @Test func `only the broker's owner makes tokens for guests that nobody registered`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        try await tenants.furnish("acme")
        #expect(try await bench.administer("PUT", "testudo/resource-policies/keys", open("kms")).status == 200)
        // Keys are for registered guests: such a policy lets nobody in.
        #expect(try await attest(bench, stranger()).status == 403)
        // Below a tenant's repository it is the tenant's policy, whoever set it.
        #expect(
            try await bench.administer("PUT", "testudo/resource-policies/acme-policy", open("acme/key")).status == 200)
        let (_, none) = try await bench.attest(stranger())
        #expect(await read(bench, "acme/key/one", bearer: none) == 401)
        #expect(try await bench.administer("PUT", "testudo/resource-policies/free", open("free")).status == 200)
        try await bench.administer("POST", "resource/free/key/one", [1])
        let (_, token) = try await bench.attest(stranger(2))
        #expect(await read(bench, "free/key/one", bearer: token) == 200)
        // Whom the host can look into attests for no such policy.
        var soft = stranger(3)
        soft.technology = "soft-snp"
        try expectRefusal(try await attest(bench, soft), 403, "PolicyDeny")
        var debugged = stranger(4)
        debugged.debug = true
        try expectRefusal(try await attest(bench, debugged), 403, "PolicyDeny")
    }

    @Test func `an open policy for keys opens no tenant's keys to guests of another one`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        let made = try await bench.administer("PUT", "testudo/kms/acme/disk", Array(#"{"kind":"aes-256-gcm"}"#.utf8))
        #expect(made.status == 200)
        let policy: JSONValue = ["policy": .string(Self.allow), "prefix": "kms"]
        let set = try await bench.administer("PUT", "testudo/resource-policies/keys", policy.canonicalBytes)
        #expect(set.status == 200)
        let body = Array(#"{"plaintext":"AQ=="}"#.utf8)
        let theirs = FakeGuest()
        try await bench.prepare(theirs, changes: ["namespace": "other", "resources": []])
        let (_, token) = try await bench.attest(theirs)
        let refused = await bench.send("POST", "kbs/v0/kms/acme/disk/encrypt", body: body, bearer: token)
        try expectRefusal(refused, 403, "PolicyDeny")
        #expect(try await bench.audit().contains { $0["check"] == "other-tenant" && $0["tenant"] == "acme" })
        let own = stranger()
        try await bench.prepare(own, changes: ["namespace": "acme", "resources": []])
        let (_, mine) = try await bench.attest(own)
        #expect(await bench.send("POST", "kbs/v0/kms/acme/disk/encrypt", body: body, bearer: mine).status == 200)
    }

    @Test func `a namespace leaves its tenant only without guests and keys, and leaves nothing behind`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        try await tenants.furnish("acme")
        try await bench.administer("PUT", "testudo/kms/acme/disk", Array(#"{"kind":"aes-256-gcm"}"#.utf8))
        let suffixes = Array(#"{"suffixes":["acme.example"]}"#.utf8)
        #expect(try await bench.administer("POST", "testudo/authority/acme/tenant/certify", suffixes).status == 200)
        func without() async throws -> Int {
            let body = try tenants.tenant("acme", ["namespaces": [], "domains": ["acme.example"]]).canonicalBytes
            return try await bench.administer("PUT", "testudo/tenants/acme", body).status
        }
        // The guests of its manifest would be the next owner's, and served by his open policies.
        #expect(try await without() == 409)
        #expect(try await bench.administer("DELETE", "testudo/manifests/\(TwoTenants.digest)").status == 200)
        #expect(try await without() == 409)
        var destroy = BrokerRequest(method: "DELETE", path: ["kbs", "v0", "testudo", "kms", "acme", "disk", "1"])
        destroy.query = ["newest": "true"]
        destroy.authorization = "Bearer \(try bench.adminToken())"
        #expect(await bench.broker.respond(to: destroy).status == 200)
        #expect(await bench.send("GET", "kbs/v0/testudo/authority/acme/tenant").status == 200)
        #expect(try await without() == 200)
        // The next owner's guests are not certified by the authority of before.
        #expect(await bench.send("GET", "kbs/v0/testudo/authority/acme/tenant").status == 404)
        #expect(try await bench.administer("POST", "testudo/authority/acme/tenant/certify", suffixes).status == 200)
    }

    @Test func `log keys of before are not the namespace's next owner's to see`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        try await tenants.furnish("acme")
        let logKey = String(repeating: "5e", count: 32)
        func remember(_ instance: String) async throws {
            let bound = try BoundClaims(
                additionalEvidence: JSONValue.object([
                    "testudo": [
                        "binding": "launch", "epoch": 0, "instance": .string(String(repeating: instance, count: 16)),
                        "manifest": .string(TwoTenants.digest), "tlsKey": .string(logKey), "logKey": .string(logKey),
                    ]
                ]).canonicalText, initDataDigest: TwoTenants.digest)
            let evidence = AppraisedEvidence(
                technology: "snp", simulated: false, debug: false, measurement: "", submodule: [:])
            try await bench.broker.store.consume(
                nonce: instance, issued: bench.time.now,
                guest: AttestedGuest(evidence: evidence, bound: bound, debug: false, encryptionKey: .null),
                now: bench.time.now)
        }
        func seen(_ tenant: String) async throws -> Int? {
            let response = try await tenants.call(
                tenant, "GET", "testudo/log-keys", query: ["service": "acme/hello"])
            return try JSONValue.parse(response.body).arrayValue?.count
        }
        bench.time.advance(10)
        try await remember("01")
        #expect(try await seen("acme") == 1)
        try await bench.administer("DELETE", "testudo/manifests/\(TwoTenants.digest)")
        for (tenant, namespaces) in [("acme", [] as [JSONValue]), ("other", ["other", "acme"])] {
            bench.time.advance(10)
            let body = try tenants.tenant(
                tenant, ["namespaces": .array(namespaces), "domains": [.string("\(tenant).example")]]
            ).canonicalBytes
            #expect(try await bench.administer("PUT", "testudo/tenants/\(tenant)", body).status == 200)
        }
        bench.time.advance(10)
        #expect(try await seen("other") == 0)
        try await remember("02")
        #expect(try await seen("other") == 1)
    }

    @Test func `an explanation shows a tenant what its own policy tried, and nothing of another one`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        try await tenants.furnish("acme")
        #expect(try await tenants.call("acme", "DELETE", "testudo/resource-policies/acme-policy").status == 200)
        let secret = "package policy\nimport rego.v1\ndefault allow := false\nallow if input.hidden == \"chestnut\"\n"
        let global: JSONValue = [
            "policy": .string(Base64.encodeURL(Array(secret.utf8))), "registration": "not-needed",
        ]
        #expect(try await bench.administer("POST", "resource-policy", global.canonicalBytes).status == 200)
        let body = Array(#"{"claims":{"hidden":"walnut"},"resource":"acme/key/one"}"#.utf8)
        let owner = try await bench.administer("POST", "testudo/explain", body)
        #expect(String(decoding: owner.body, as: UTF8.self).contains("chestnut"))
        let shown = try await tenants.call("acme", "POST", "testudo/explain", body)
        let answer = try JSONValue.parse(shown.body)
        #expect(shown.status == 200 && answer["allowed"] == false && answer["policy"] == .null)
        #expect(!String(decoding: shown.body, as: UTF8.self).contains("chestnut"))
        let own = TwoTenants.policy(prefix: "acme")
        #expect(try await tenants.call("acme", "PUT", "testudo/resource-policies/acme-policy", own).status == 200)
        let mine = try JSONValue.parse(try await tenants.call("acme", "POST", "testudo/explain", body).body)
        #expect(mine["policy"]?.stringValue?.isEmpty == false)
    }
}
