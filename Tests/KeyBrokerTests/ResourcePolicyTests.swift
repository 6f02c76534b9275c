import Envelope
import Testing
import Unsealing
import WireFormat

@testable import KeyBroker
@testable import Verifier

@Suite("Resource policies")
struct ResourcePolicyTests {
    private static let allowAll = "package policy\ndefault allow := false\nallow if data.plugin == \"resource\"\n"
    private static let denyAll = "package policy\ndefault allow := false\n"

    private func set(
        _ bench: BrokerBench, _ id: String?, _ source: String, _ members: [String: JSONValue] = [:]
    ) async throws -> BrokerResponse {
        let body: [String: JSONValue] = ["policy": .string(Base64.encodeURL(Array(source.utf8)))]
        return try await bench.administer(
            id == nil ? "POST" : "PUT", id.map { "testudo/resource-policies/\($0)" } ?? "resource-policy",
            JSONValue.object(body.merging(members) { $1 }).canonicalBytes)
    }

    private func read(_ bench: BrokerBench, _ cookie: String, _ path: String = "default/key/one") async -> Int {
        await bench.send("GET", "kbs/v0/resource/\(path)", cookie: cookie).status
    }

    @Test func `a policy decides over registered guests, by cookie and by token`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        try await bench.administer("POST", "resource/default/key/other", [1])
        #expect(try await set(bench, nil, Self.allowAll).status == 200)
        let (cookie, token) = try await bench.attest(guest)
        #expect(await read(bench, cookie) == 200)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token).status == 200)
        // The policy decides alone which resources a guest in good standing may have.
        #expect(await read(bench, cookie, "default/key/other") == 200)
        #expect(try await set(bench, nil, Self.denyAll).status == 200)
        let refused = await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie)
        try expectRefusal(refused, 403, "PolicyDeny")
        #expect(try JSONValue.parse(refused.body)["detail"] == "Access denied by policy")
        // Without one the registration decides again.
        #expect(try await bench.administer("DELETE", "testudo/resource-policies/resource-policy").status == 200)
        #expect(await read(bench, cookie) == 200)
        #expect(await read(bench, cookie, "default/key/other") == 403)
    }

    @Test func `a policy sees claims, path and query, and the longest prefix decides alone`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let seeing = """
            package policy
            default allow := false
            allow if {
                input.submods.cpu0["ear.status"] == "affirming"
                input.testudo.manifest == "\(guest.digest)"
                data["resource-path"] == ["default", "key", "one"]
                data.query.why == "because"
            }
            """
        #expect(try await set(bench, nil, Self.denyAll).status == 200)
        #expect(try await set(bench, "keys", seeing, ["prefix": "default/key"]).status == 200)
        let (_, token) = try await bench.attest(guest)
        var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "resource", "default", "key", "one"])
        request.authorization = "Bearer \(token)"
        #expect(await bench.broker.respond(to: request).status == 403)
        request.query = ["why": "because"]
        #expect(await bench.broker.respond(to: request).status == 200)
        #expect(try await set(bench, "one", Self.denyAll, ["prefix": "default/key/one"]).status == 200)
        #expect(await bench.broker.respond(to: request).status == 403)
        let listed = try JSONValue.parse(try await bench.administer("GET", "testudo/resource-policies").body)
        #expect(listed.arrayValue?.compactMap { $0["prefix"]?.stringValue } == ["default/key/one", "default/key", ""])
        let names = try JSONValue.parse(try await bench.administer("GET", "resource-policy").body)
        #expect(names == ["one", "keys", "resource-policy"])
        let text = try await bench.administer("GET", "testudo/resource-policies/keys")
        #expect(String(decoding: text.body, as: UTF8.self) == seeing)
        #expect(try await bench.administer("DELETE", "testudo/resource-policies/none").status == 404)
    }

    @Test func `what is undefined, another value, an error or endless denies`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (known, _) = try await bench.attest(guest)
        #expect(try await set(bench, nil, Self.allowAll).status == 200)
        #expect(await read(bench, known) == 200)
        let denying = [
            "package policy\nallow if input.nothing\n", "package policy\nallow := 1\n",
            "package policy\nallow := \"true\"\n",
            "package policy\nallow := {true}\n",
            "package policy\nallow if 1 / 0 == 1\n", "package policy\nallow := true\nallow := false\n",
            "package policy\nallow if {\n some a in numbers.range(1, 100000)\n some b in numbers.range(1, 100000)\n a * b == -1\n}\n",
        ]
        for source in denying {
            #expect(try await set(bench, nil, source).status == 200, "\(source)")
            #expect(await read(bench, known) == 403, "\(source)")
        }
    }

    @Test func `a replica that does not know a session's claims lets the guest attest again`() async throws {
        let secret = SecretBytes(random: 32)
        let first = try await BrokerBench(cookies: try CookieKeys(current: secret))
        let second = try await BrokerBench(cookies: try CookieKeys(current: secret))
        let guest = FakeGuest()
        for bench in [first, second] {
            try await bench.prepare(guest)
            #expect(try await set(bench, nil, Self.allowAll).status == 200)
        }
        let (cookie, _) = try await first.attest(guest)
        #expect(await read(first, cookie) == 200)
        try expectRefusal(
            await second.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie), 401, "TokenNotFound")
    }

    @Test func `claims in memory are bounded, and the oldest go first`() async throws {
        let memory = SessionClaimsMemory(bytes: 1000)
        for index in UInt8(0)..<20 {
            try await memory.remember([UInt8](repeating: index, count: 100), tokenHash: [index], until: 100)
        }
        #expect(try await memory.payload(tokenHash: [9], now: 0) == nil)
        #expect(try await memory.payload(tokenHash: [10], now: 0)?.first == 10)
        #expect(try await memory.payload(tokenHash: [19], now: 99)?.first == 19)
        #expect(try await memory.payload(tokenHash: [19], now: 100) == nil)
        try await memory.remember([UInt8](repeating: 0, count: 1001), tokenHash: [21], until: 200)
        #expect(try await memory.payload(tokenHash: [21], now: 150) == nil)
    }

    @Test func `guests in bad standing get nothing from a policy that needs them registered`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        #expect(try await set(bench, nil, Self.allowAll).status == 200)
        let (cookie, _) = try await bench.attest(guest)
        #expect(await read(bench, cookie) == 200)
        try await bench.administer("DELETE", "testudo/manifests/\(guest.digest)")
        #expect(await read(bench, cookie) == 403)
        // Nor where no registration is needed: this one ended, which is more than never having been.
        #expect(try await set(bench, nil, Self.allowAll, ["registration": "not-needed"]).status == 200)
        #expect(await read(bench, cookie) == 403)
    }

    @Test func `a guest that nobody registered attests only for a policy that says so, and gets only its paths`()
        async throws
    {
        let bench = try await BrokerBench()
        let registered = FakeGuest()
        try await bench.prepare(registered)
        try await bench.administer("POST", "resource/open/key/one", [1])
        var stranger = FakeGuest()
        stranger.initData += "# nobody knows\n"
        stranger.instance = String(repeating: "02", count: 16)
        func attest(_ guest: FakeGuest) async throws -> BrokerResponse {
            let (cookie, nonce) = try await bench.challenge(guest.technology)
            return await bench.send(
                "POST", "kbs/v0/attest", body: guest.attestation(nonce).canonicalBytes, cookie: cookie)
        }
        #expect(try await set(bench, nil, Self.allowAll).status == 200)
        #expect(try await attest(stranger).status == 403)
        let open = try await set(bench, "open", Self.allowAll, ["prefix": "open", "registration": "not-needed"])
        #expect(open.status == 200)
        let (cookie, token) = try await bench.attest(stranger)
        #expect(await read(bench, cookie, "open/key/one") == 200)
        #expect(await read(bench, cookie) == 403)
        let certificate = await bench.send(
            "POST", "kbs/v0/testudo/certificate", body: Array(#"{"csr":""}"#.utf8), bearer: token)
        try expectRefusal(certificate, 403, "PolicyDeny")
        // A stand-in's guest is served where its registration says so, and this one has none.
        stranger.technology = "soft-snp"
        stranger.instance = String(repeating: "03", count: 16)
        #expect(try await attest(stranger).status == 403)
    }

    @Test func `a guest launched for no init-data is served by a policy alone`() async throws {
        let bench = try await BrokerBench()
        try await bench.prepare(FakeGuest())
        #expect(try await set(bench, nil, Self.allowAll, ["registration": "not-needed"]).status == 200)
        let (cookie, nonce) = try await bench.challenge()
        let guest = FakeGuest()
        let response = await bench.send(
            "POST", "kbs/v0/attest", body: guest.unboundAttestation(nonce).canonicalBytes, cookie: cookie)
        #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        let attested = try BrokerBench.cookie(response)
        let released = await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: attested)
        #expect(
            try JWE.open(try JSONValue.parse(released.body), with: guest.key).copyBytes() == Array("secret one".utf8))
    }

    @Test func `a policy that is no policy is refused with its place`() async throws {
        let bench = try await BrokerBench()
        let bad: [[String: JSONValue]] = [
            ["policy": "!"], ["policy": .string(Base64.encodeURL(Array("package policy\nallow if {".utf8)))], [:],
            ["policy": .string(Base64.encodeURL(Array("package other\ndefault allow := true\n".utf8)))],
            ["policy": .string(Base64.encodeURL(Array("package policy.more\ndefault allow = true\n".utf8)))],
            ["policy": .string(Base64.encodeURL([0xff, 0xfe]))], ["registration": "never"], ["more": 1],
            ["prefix": "default"], ["policy": .string(Base64.encodeURL(Array("package policy\nallow if f(1)\n".utf8)))],
            ["policy": .string(Base64.encodeURL([UInt8](repeating: 0x0a, count: (256 << 10) + 1)))],
        ]
        for members in bad {
            let source = members["policy"] == nil && !members.isEmpty ? Self.allowAll : nil
            var body = members
            if let source { body["policy"] = .string(Base64.encodeURL(Array(source.utf8))) }
            let response = try await bench.administer(
                "POST", "resource-policy", JSONValue.object(body).canonicalBytes)
            try expectRefusal(response, 400, "ParsePolicyError")
        }
        for (id, prefix) in [
            ("a", ""), ("A", "b"), ("a", "b/c/d/e"), ("a", ".b"), ("a", "b//c"), ("resource-policy", "b"),
        ] {
            try expectRefusal(
                try await set(bench, id, Self.allowAll, ["prefix": .string(prefix)]), 400, "ParsePolicyError")
        }
        #expect(try await set(bench, "a", Self.allowAll, ["prefix": "b"]).status == 200)
        try expectRefusal(try await set(bench, "c", Self.denyAll, ["prefix": "b"]), 409, "ResourceExists")
        #expect(await bench.send("GET", "kbs/v0/testudo/resource-policies").status == 401)
        #expect(await bench.send("POST", "kbs/v0/resource-policy", body: []).status == 401)
        #expect(await bench.send("POST", "kbs/v0/testudo/explain", body: []).status == 401)
    }

    @Test func `policies outlive the broker, and another replica's come with a reload`() async throws {
        let bench = try await BrokerBench()
        #expect(try await set(bench, nil, Self.denyAll).status == 200)
        #expect(try await set(bench, "a", Self.allowAll, ["prefix": "b"]).status == 200)
        let again = ResourcePolicies(storage: StoredPolicies(store: bench.broker.store))
        #expect(try await again.all().map(\.id) == ["a", "resource-policy"])
        #expect(try await set(bench, "z", Self.allowAll, ["prefix": "z"]).status == 200)
        #expect(try await again.all().count == 2)
        #expect(try await again.reload().count == 3)
        #expect(try await again.remove("a"))
        #expect(try await bench.broker.policies.reload().map(\.id) == ["z", "resource-policy"])
    }

    @Test func `explaining tells what each check says and releases nothing`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        func explain(_ members: [String: JSONValue]) async throws -> JSONValue {
            let response = try await bench.administer(
                "POST", "testudo/explain", JSONValue.object(members).canonicalBytes)
            try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
            return try JSONValue.parse(response.body)
        }
        func checks(_ answer: JSONValue) -> [String] {
            answer["decisions"]?.arrayValue?.compactMap { $0["check"]?.stringValue } ?? []
        }
        let path: JSONValue = "default/key/one"
        var answer = try await explain(["token": .string(token), "resource": path])
        #expect(answer["allowed"] == true && checks(answer) == ["token", "registration"])
        answer = try await explain(["token": .string(token), "resource": "default/key/two"])
        #expect(answer["allowed"] == false && checks(answer).last == "resource")
        #expect(try await set(bench, nil, Self.denyAll).status == 200)
        answer = try await explain(["token": .string(token), "resource": path])
        #expect(answer["allowed"] == false && checks(answer) == ["token", "registration", "policy-resource-policy"])
        #expect(answer["policy"]?.stringValue?.isEmpty == false)
        answer = try await explain(["token": .string(token + "x"), "resource": path])
        #expect(answer["allowed"] == false && checks(answer) == ["token-signature"])
        #expect(try await set(bench, nil, Self.allowAll, ["registration": "not-needed"]).status == 200)
        answer = try await explain(["claims": ["owner": "Alice"], "resource": path, "query": ["a": "b"]])
        #expect(answer["allowed"] == true && checks(answer).first == "claims")
        // What was revoked shows for claims as it does for a token.
        let parts = token.split(separator: ".").map(String.init)
        let claims = try JSONValue.parse(try Base64.decodeURL(parts[1], field: "token"))
        #expect(try await explain(["claims": claims, "resource": path])["allowed"] == true)
        let revoked = "testudo/revocations/instance/\(guest.instance)"
        #expect(try await bench.administer("PUT", revoked).status == 200)
        answer = try await explain(["claims": claims, "resource": path])
        #expect(answer["allowed"] == false && checks(answer).contains("revoked-instance"))
        #expect(try await bench.administer("DELETE", revoked).status == 200)
        func reason(_ answer: JSONValue) -> String {
            answer["decisions"]?.arrayValue?.last?["reason"]?.stringValue ?? ""
        }
        let late = try ResourcePath(parsing: "default/key/late")
        try await bench.broker.store.putResource(late, SecretBytes([1]), now: bench.time.now)
        try await bench.broker.store.putResource(
            late, SecretBytes([2]), expires: bench.time.now + 60, now: bench.time.now)
        let asked: [String: JSONValue] = ["claims": ["owner": "Alice"], "resource": "default/key/late"]
        #expect(try await explain(asked)["allowed"] == true)
        bench.time.advance(60)
        answer = try await explain(asked)
        #expect(answer["allowed"] == false && reason(answer).hasPrefix("version 2 of the resource expired at 20"))
        #expect(try await explain(asked.merging(["query": ["version": "1"]]) { $1 })["allowed"] == true)
        answer = try await explain(asked.merging(["query": ["version": "3"]]) { $1 })
        #expect(reason(answer) == "the resource has no version 3")
        answer = try await explain(["claims": [:], "resource": "default/key/none"])
        #expect(reason(answer) == "the resource does not exist")
        for bad in [#"{}"#, #"{"token":"a","claims":{},"resource":"a/b/c"}"#, #"{"claims":{},"resource":"a"}"#, "["] {
            let response = try await bench.administer("POST", "testudo/explain", Array(bad.utf8))
            try expectRefusal(response, 400, "SerdeError")
        }
        #expect(try await bench.audit().allSatisfy { $0["kind"] != "release" })
    }
}

@Suite("Trustee's resource policies")
struct TrusteePolicyTests {
    /// The cases of key-broker.md, section 8.5: an owner by product and path, and a table of least versions.
    private static let byOwner = """
        package policy
        default allow = false
        path := data["resource-path"]
        claims := input.submods.cpu0["ear.veraison.annotated-evidence"].sample
        allow {
            data.plugin == "resource"
            count(path) == 3
            path[1] == claims.productId
        }
        """
    private static let byVersion = """
        package policy
        import rego.v1
        default allow := false
        least := {"secret1": 2, "secret2": 3}
        path := data["resource-path"]
        allow if {
            data.plugin == "resource"
            path[0] == "my_repo"
            to_number(input.submods.cpu0["ear.veraison.annotated-evidence"].sample.svn) >= least[path[2]]
        }
        """

    private static func allows(
        _ source: String, product: String = "Alice", svn: Int64 = 0, plugin: String = "resource",
        _ path: [String]
    ) throws -> Bool {
        try AccessPolicy(identifier: "test", source: source).allows(
            claims: [
                "submods": [
                    "cpu0": [
                        "ear.veraison.annotated-evidence": [
                            "sample": ["productId": .string(product), "svn": .string(String(svn))]
                        ]
                    ]
                ]
            ],
            data: [
                "plugin": .string(plugin), "resource-path": .array(path.map { .string($0) }), "query": [:],
            ])
    }

    @Test func `its cases have their results`() throws {
        let path = ["my_repo", "Alice", "key"]
        #expect(try Self.allows(Self.byOwner, path))
        #expect(try !Self.allows(Self.byOwner, plugin: "another-plugin", path))
        #expect(try !Self.allows(Self.byOwner, product: "Bob", path))
        #expect(try !Self.allows(Self.byOwner, ["my_repo", "Alice"]))
        #expect(try !Self.allows("package policy\ndefault allow = false\n", path))
        #expect(try Self.allows("package policy\ndefault allow = true\n", path))
        func version(_ name: String, _ svn: Int64, repository: String = "my_repo") throws -> Bool {
            try Self.allows(Self.byVersion, svn: svn, [repository, "secret", name])
        }
        #expect(try version("secret1", 2))
        #expect(try !version("secret", 2))
        #expect(try !version("secret1", 1))
        #expect(try !version("secret2", 2))
        #expect(try !version("secret3", 3))
        #expect(try !version("secret1", 2, repository: "other"))
        #expect(try !Self.allows(Self.byVersion, svn: 2, plugin: "other", []))
    }
}
