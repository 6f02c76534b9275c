import Crypto
import Envelope
import Foundation
import SealedStorage
import Testing
import WireFormat

@testable import KeyBroker

/// A broker with two tenants, `acme` and `other`, each with an administrator, a repository and a namespace of its name.
struct TwoTenants {
    static let digest = String(repeating: "0b", count: 32)
    static let policy = Base64.encodeURL(Array("package policy\nimport rego.v1\ndefault allow := true\n".utf8))

    let bench: BrokerBench
    let keys = ["acme": Curve25519.Signing.PrivateKey(), "other": Curve25519.Signing.PrivateKey()]

    init(_ changes: [String: JSONValue] = [:]) async throws {
        bench = try await BrokerBench()
        for name in keys.keys.sorted() {
            let body = try tenant(name, name == "acme" ? changes : [:]).canonicalBytes
            #expect(try await bench.administer("PUT", "testudo/tenants/\(name)", body).status == 200)
        }
    }

    func tenant(_ name: String, _ changes: [String: JSONValue] = [:]) throws -> JSONValue {
        let pem = (keys[name] ?? Curve25519.Signing.PrivateKey()).publicKey.pemRepresentation
        let members: [String: JSONValue] = [
            "admins": [["name": "ann", "key": .string(pem)]], "repositories": [.string(name)],
            "namespaces": [.string(name)],
        ]
        return .object(members.merging(changes) { $1 })
    }

    func token(
        _ tenant: String, _ changes: [String: JSONValue] = [:], key: Curve25519.Signing.PrivateKey? = nil
    ) throws -> String {
        let claims: [String: JSONValue] = ["role": "tenant-admin", "tenant": .string(tenant)]
        let own = keys[tenant] ?? Curve25519.Signing.PrivateKey()
        return try bench.adminToken(claims.merging(changes) { $1 }, key: key ?? own)
    }

    func call(
        _ tenant: String, _ method: String, _ path: String, _ body: [UInt8] = [], query: [String: String] = [:]
    ) async throws -> BrokerResponse {
        var request = BrokerRequest(method: method, path: ["kbs", "v0"] + path.split(separator: "/").map(String.init))
        request.query = query
        request.body = body
        request.authorization = "Bearer \(try token(tenant))"
        return await bench.broker.respond(to: request)
    }

    /// What `tenant` would register.
    static func registration(_ tenant: String, _ changes: [String: JSONValue] = [:]) -> [UInt8] {
        let members: [String: JSONValue] = [
            "name": "hello", "namespace": .string(tenant), "hostnames": [.string("hello.\(tenant).localhost")],
            "resources": [.string("\(tenant)/key/one")], "measurements": "any-reference", "guestVersion": "0.1.0",
        ]
        return JSONValue.object(members.merging(changes) { $1 }).canonicalBytes
    }

    static func policy(prefix: String) -> [UInt8] {
        JSONValue.object(["policy": .string(policy), "prefix": .string(prefix)]).canonicalBytes
    }

    /// Gives `tenant` a secret with two versions, a manifest and a policy.
    func furnish(_ tenant: String, digest: String = Self.digest) async throws {
        let calls: [(String, String, [UInt8])] = [
            ("POST", "resource/\(tenant)/key/one", [1]), ("POST", "resource/\(tenant)/key/one", [2]),
            ("PUT", "testudo/manifests/\(digest)", Self.registration(tenant)),
            ("PUT", "testudo/resource-policies/\(tenant)-policy", Self.policy(prefix: tenant)),
        ]
        for (method, path, body) in calls {
            let response = try await call(tenant, method, path, body)
            #expect(response.status == 200, "\(path): \(String(decoding: response.body, as: UTF8.self))")
        }
    }

    func revision() async -> UInt64 { await bench.broker.store.sealed.revision }
}

@Suite("Tenants")
struct TenantTests {
    /// What a call about things of `owner` looks like.
    private func request(_ route: BrokerRoute, about owner: String) -> (
        path: [String], query: [String: String], body: [UInt8]
    ) {
        let values = [
            "{repository}": owner, "{type}": "key", "{tag}": "one", "{digest}": TwoTenants.digest,
            "{id}": "\(owner)-policy", "{name}": owner, "{name...}": "x", "{version}": "0.1.0", "{kind}": "manifest",
            "{value}": TwoTenants.digest,
        ]
        let path = route.rawValue.split(separator: " ")[1].split(separator: "/").map {
            values[String($0)] ?? String($0)
        }
        let body: [UInt8] =
            switch route {
            case .putResource: [1]
            case .makeKey: Array(#"{"kind":"p256"}"#.utf8)
            case .registerManifest: TwoTenants.registration(owner)
            case .putPolicy: TwoTenants.policy(prefix: owner)
            case .setGlobalPolicy: Array(#"{"policy":"\#(TwoTenants.policy)"}"#.utf8)
            case .explain: Array(#"{"claims":{},"resource":"\#(owner)/key/one"}"#.utf8)
            case .putTenant: Array(#"{"admins":[]}"#.utf8)
            default: Array("{}".utf8)
            }
        return (path, route == .logKeys ? ["service": "\(owner)/hello"] : [:], body)
    }

    private static let lists: Set<BrokerRoute> = [
        .listResources, .listManifests, .listPolicies, .listPolicyNames, .audit,
    ]
    /// The calls that a tenant's administrator may make about his own.
    private static let allowed: Set<BrokerRoute> = lists.union([
        .putResource, .deleteResource, .resourceVersions, .makeKey, .manifest, .registerManifest, .retireManifest,
        .policy, .putPolicy, .deletePolicy, .explain, .logKeys,
    ])

    @Test(arguments: BrokerRoute.allCases.filter(\.isForAdministrators))
    func `a tenant reaches nothing of another one by any call`(route: BrokerRoute) async throws {
        let tenants = try await TwoTenants()
        try await tenants.furnish("other")
        let before = await tenants.revision()
        let (path, query, body) = request(route, about: "other")
        var request = BrokerRequest(method: String(route.rawValue.split(separator: " ")[0]), path: path, query: query)
        request.body = body
        request.authorization = "Bearer \(try tenants.token("acme"))"
        let response = await tenants.bench.broker.respond(to: request)
        if Self.lists.contains(route) {
            #expect(response.status == 200)
            #expect(!String(decoding: response.body, as: UTF8.self).contains("other"))
        } else {
            #expect([403, 404, 409].contains(response.status), "\(response.status)")
        }
        #expect(await tenants.revision() == before)
        if !Self.allowed.contains(route) { #expect(response.status == 403) }
    }

    @Test(arguments: BrokerRoute.allCases.filter { allowed.contains($0) })
    func `a tenant administers its own`(route: BrokerRoute) async throws {
        let tenants = try await TwoTenants()
        try await tenants.furnish("acme")
        var (path, query, body) = request(route, about: "acme")
        if route == .makeKey { path[path.count - 1] = "two" }
        var request = BrokerRequest(method: String(route.rawValue.split(separator: " ")[0]), path: path, query: query)
        request.body = body
        request.authorization = "Bearer \(try tenants.token("acme"))"
        let response = await tenants.bench.broker.respond(to: request)
        #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        query = [:]
        if Self.lists.contains(route) {
            #expect(String(decoding: response.body, as: UTF8.self).contains("acme"))
        }
        let line = try #require(try await tenants.bench.audit().last { $0["subject"] == "acme/ann" })
        #expect(line["tenant"] == "acme" && line["decision"] == "allow")
    }

    @Test func `a manifest of a tenant lies in its namespaces, repositories and domains as a whole`() async throws {
        let tenants = try await TwoTenants()
        for changes in [
            ["namespace": "other"], ["namespace": "acme2"], ["resources": ["acme/key/one", "other/key/one"]],
            ["resources": ["acme2/key/one"]], ["hostnames": ["hello.other.localhost"]],
            ["hostnames": ["acme.localhost", "evil-acme.localhost"]], ["hostnames": ["hello.acme.example.com"]],
        ] as [[String: JSONValue]] {
            let response = try await tenants.call(
                "acme", "PUT", "testudo/manifests/\(TwoTenants.digest)", TwoTenants.registration("acme", changes))
            try expectRefusal(response, 403, "AdminAuthAccess")
        }
        // Nor can one be put in place of another tenant's, whose digest is no secret.
        try await tenants.furnish("other")
        let response = try await tenants.call(
            "acme", "PUT", "testudo/manifests/\(TwoTenants.digest)", TwoTenants.registration("acme"))
        try expectRefusal(response, 409, "ResourceExists")
        let taken = try await tenants.call(
            "acme", "PUT", "testudo/resource-policies/other-policy", TwoTenants.policy(prefix: "acme"))
        try expectRefusal(taken, 409, "ResourceExists")
        for prefix in ["other", "other/key", "acme2", "", "/acme"] {
            let response = try await tenants.call(
                "acme", "PUT", "testudo/resource-policies/mine", TwoTenants.policy(prefix: prefix))
            #expect([400, 403].contains(response.status), "\(prefix)")
        }
    }

    @Test func `only tokens by a tenant's keys, for this tenant, are a tenant's`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        let now = bench.time.now
        for (token, isGood) in [
            (try tenants.token("acme"), true),
            (try tenants.token("other", key: tenants.keys["acme"]), false),
            (try tenants.token("acme", key: bench.admin), false),
            (try tenants.token("acme", key: bench.release), false),
            (try tenants.token("nobody", key: tenants.keys["acme"]), false),
            (try tenants.token("acme", ["tenant": .null]), false),
            (try tenants.token("acme", ["tenant": ["acme"]]), false),
            (try tenants.token("acme", ["role": "admin"]), false), (try tenants.token("acme", ["role": .null]), false),
            (try tenants.token("acme", ["exp": .null]), false),
            (try tenants.token("acme", ["exp": .integer(now)]), false),
            (try tenants.token("acme", ["exp": .integer(now + 3601)]), false),
            (try tenants.token("acme", ["aud": "another"]), false),
        ] {
            let response = await bench.send("GET", "kbs/v0/resource", bearer: token)
            #expect(response.status == (isGood ? 200 : 401))
        }
        // Keys that are taken away end at once.
        let none = try tenants.tenant("acme", ["admins": []]).canonicalBytes
        #expect(try await bench.administer("PUT", "testudo/tenants/acme", none).status == 200)
        #expect(try await tenants.call("acme", "GET", "resource").status == 401)
    }

    @Test func `two tenants own nothing both, also when they are made at once`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        for changes in [
            ["repositories": ["acme"]], ["namespaces": ["other"]], ["domains": ["x.acme.localhost"]],
            ["domains": ["other.svc.cluster.local"]], ["domains": ["cluster.local"]],
        ] as [[String: JSONValue]] {
            let body = try tenants.tenant("third", changes).canonicalBytes
            try expectRefusal(
                try await bench.administer("PUT", "testudo/tenants/third", body), 409, "ResourceExists")
        }
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<8 {
                let body = try tenants.tenant("t\(number)", ["repositories": ["shared"]]).canonicalBytes
                let token = try bench.adminToken()
                group.addTask { [broker = bench.broker] in
                    var request = BrokerRequest(method: "PUT", path: ["kbs", "v0", "testudo", "tenants", "t\(number)"])
                    request.body = body
                    request.authorization = "Bearer \(token)"
                    return await broker.respond(to: request).status
                }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 200 } == 1 && statuses.count { $0 == 409 } == 7)
    }

    @Test func `quotas hold also for writes at once, and count what was there before`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        #expect(try await bench.administer("POST", "resource/acme/old/one", [1, 2, 3, 4]).status == 200)
        let quota: JSONValue = ["resources": 4, "bytes": 100, "manifests": 2]
        let body = try tenants.tenant("acme", ["quota": quota]).canonicalBytes
        #expect(try await bench.administer("PUT", "testudo/tenants/acme", body).status == 200)
        func atOnce(_ requests: [(String, String, [UInt8])]) async throws -> [Int] {
            let token = try tenants.token("acme")
            return await withTaskGroup(of: Int.self) { [broker = bench.broker] group in
                for (method, path, body) in requests {
                    group.addTask {
                        let segments = ["kbs", "v0"] + path.split(separator: "/").map(String.init)
                        var request = BrokerRequest(method: method, path: segments)
                        request.body = body
                        request.authorization = "Bearer \(token)"
                        return await broker.respond(to: request).status
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        let writes = try await atOnce(
            (0..<12).map { ("POST", "resource/acme/key/n\($0)", [UInt8](repeating: 7, count: 8)) })
        #expect(writes.count { $0 == 200 } == 3 && writes.count { $0 == 409 } == 9)
        let manifests = try await atOnce(
            (0..<6).map {
                ("PUT", "testudo/manifests/" + String(repeating: "0\($0)", count: 32), TwoTenants.registration("acme"))
            })
        #expect(manifests.count { $0 == 200 } == 2 && manifests.count { $0 == 409 } == 4)
        // 28 bytes are there; each further version counts.
        let versions = try await atOnce(
            (0..<8).map { _ in ("POST", "resource/acme/old/one", [UInt8](repeating: 7, count: 20)) })
        #expect(versions.count { $0 == 200 } == 3)
        let refused = try await tenants.call("acme", "POST", "resource/acme/key/more", [1])
        try expectRefusal(refused, 409, "QuotaExceeded")
        #expect(
            try JSONValue.parse(refused.body)["detail"] == "tenant acme would have 5 resources and may have 4")
        let listed = try JSONValue.parse(try await bench.administer("GET", "testudo/tenants/acme").body)
        #expect(listed["use"] == ["resources": 4, "bytes": 88, "manifests": 2])
        #expect(try await tenants.call("acme", "DELETE", "resource/acme/old/one").status == 200)
        #expect(try await tenants.call("acme", "POST", "resource/acme/key/more", [1]).status == 200)
        let after = try JSONValue.parse(try await bench.administer("GET", "testudo/tenants/acme").body)
        #expect(after["use"] == ["resources": 4, "bytes": 25, "manifests": 2])
    }

    @Test func `an open policy of a tenant serves no guest of another one`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        try await tenants.furnish("acme")
        let stranger = FakeGuest()
        try await bench.prepare(stranger, changes: ["namespace": "other", "resources": ["acme/key/one"]])
        let (_, token) = try await bench.attest(stranger)
        let refused = await bench.send("GET", "kbs/v0/resource/acme/key/one", bearer: token)
        try expectRefusal(refused, 403, "PolicyDeny")
        #expect(try await bench.audit().contains { $0["check"] == "other-tenant" && $0["tenant"] == "acme" })
        // Without the policy the registration decides, which an administrator of the broker made.
        #expect(try await tenants.call("acme", "DELETE", "testudo/resource-policies/acme-policy").status == 200)
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/acme/key/one", bearer: token), 403, "PolicyDeny")
        let own = FakeGuest(initData: "version = \"0.1.0\"\n# acme\n", instance: String(repeating: "02", count: 16))
        try await bench.prepare(own, changes: ["namespace": "acme", "resources": ["acme/key/one"]])
        let (_, mine) = try await bench.attest(own)
        #expect(await bench.send("GET", "kbs/v0/resource/acme/key/one", bearer: mine).status == 200)
        let lines = try await tenants.call("acme", "GET", "testudo/audit").body.split(separator: 10).map {
            try JSONValue.parse(Array($0))
        }
        #expect(lines.contains { $0["kind"] == "attest" && $0["manifest"] == .string(own.digest) })
        #expect(lines.contains { $0["kind"] == "release" && $0["decision"] == "allow" })
        #expect(lines.allSatisfy { $0["tenant"] == "acme" })
    }

    @Test func `a policy that is set while its repository goes to somebody else is refused`() async throws {
        let two = try await TwoTenants()
        let former = try #require(try await two.bench.broker.store.tenants().first { $0.name == "acme" })
        let body = try two.tenant("acme", ["repositories": ["elsewhere"]]).canonicalBytes
        #expect(try await two.bench.administer("PUT", "testudo/tenants/acme", body).status == 200)
        let policy = try PathPolicy(id: "left", request: TwoTenants.policy(prefix: "acme"))
        let broker = two.bench.broker
        let refusal = await #expect(throws: BrokerError.self) { try await broker.policies.set(policy, for: former) }
        #expect(refusal?.status == 403)
        #expect(try await broker.policies.reload().isEmpty)
    }

    @Test func `one tenant's administrators do not fill the audit log`() async throws {
        let two = try await TwoTenants()
        let (mine, theirs) = (try two.token("acme"), try two.token("other"))
        var refused = 0
        for _ in 0..<Int(CallLimiter.tenantRate.burst) + 500 {
            let answer = await two.bench.send("DELETE", "kbs/v0/testudo/resource-policies/none", bearer: mine)
            refused += answer.status == 429 ? 1 : 0
        }
        #expect(refused > 100)
        #expect(await two.bench.send("GET", "kbs/v0/resource", bearer: theirs).status == 200)
        let lines = try await two.bench.audit()
        #expect(lines.count { $0["check"] == "tenant-rate" } <= RefusalBudget.burst)
    }

    @Test func `strangers take no lines of administrators who try what is not theirs`() async throws {
        let two = try await TwoTenants()
        for _ in 0..<300 {
            #expect(await two.bench.send("GET", "kbs/v0/testudo/tenants", bearer: "x").status == 401)
        }
        #expect(try await two.call("acme", "GET", "testudo/tenants").status == 403)
        let tried = try await two.bench.audit().last { $0["resource"] == "GET testudo/tenants" }
        #expect(tried?["subject"]?.stringValue?.contains("ann") == true && tried?["tenant"] == "acme")
        let token = try two.bench.adminToken(["role": "nobody"])
        let answer = await two.bench.send("GET", "kbs/v0/testudo/tenants", bearer: token)
        #expect(answer.status == 403 || answer.status == 401)
        if answer.status == 403 { #expect(try await two.bench.audit().last?["check"] == "admin-role") }
    }

    @Test func `a tenant that has something stays`() async throws {
        let tenants = try await TwoTenants()
        let bench = tenants.bench
        try await tenants.furnish("acme")
        for (call, status) in [
            ("DELETE testudo/tenants/acme", 409), ("DELETE resource/acme/key/one", 200),
            ("DELETE testudo/tenants/acme", 409), ("DELETE testudo/manifests/\(TwoTenants.digest)", 200),
            // Its policy would decide on the next owner's secrets.
            ("DELETE testudo/tenants/acme", 409), ("DELETE testudo/resource-policies/acme-policy", 200),
            ("DELETE testudo/tenants/acme", 200), ("DELETE testudo/tenants/acme", 404),
            ("GET testudo/tenants/acme", 404),
        ] {
            let parts = call.split(separator: " ").map(String.init)
            #expect(try await bench.administer(parts[0], parts[1]).status == status, "\(call)")
        }
        #expect(try await tenants.call("acme", "GET", "resource").status == 401)
    }

    @Test(arguments: [
        #"{}"#, #"{"admins":[{"name":"a","key":"x"}]}"#, #"{"admins":[],"repositories":[".a"]}"#,
        #"{"admins":[],"repositories":["a/b"]}"#, #"{"admins":[],"repositories":["kms"]}"#,
        #"{"admins":[],"repositories":["a","a"]}"#,
        #"{"admins":[],"namespaces":["A"]}"#, #"{"admins":[],"namespaces":["a.b"]}"#,
        #"{"admins":[],"domains":["*.a"]}"#,
        #"{"admins":[],"domains":["localhost"]}"#, #"{"admins":[],"quota":{"bytes":-1}}"#,
        #"{"admins":[],"quota":{"b":1}}"#,
        #"{"admins":[],"surprise":1}"#, #"[]"#, "x",
    ])
    func `a faulty tenant is refused`(body: String) async throws {
        let bench = try await BrokerBench()
        try expectRefusal(try await bench.administer("PUT", "testudo/tenants/a", Array(body.utf8)), 400, "SerdeError")
        let good = Array(#"{"admins":[]}"#.utf8)
        for name in ["A", "a.b", "-a", "%61", String(repeating: "a", count: 64)] {
            try expectRefusal(try await bench.administer("PUT", "testudo/tenants/\(name)", good), 400, "SerdeError")
        }
        #expect(try await bench.administer("PUT", "testudo/tenants/a", good).status == 200)
    }
}
