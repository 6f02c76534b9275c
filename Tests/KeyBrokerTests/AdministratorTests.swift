import Crypto
import CryptoExtras
import Envelope
import Foundation
import Testing
import WireFormat

@testable import KeyBroker

/// An identity provider with a key of each kind, and a broker that trusts it.
private struct Provider {
    let ed25519 = Curve25519.Signing.PrivateKey()
    let p256 = P256.Signing.PrivateKey()
    let p384 = P384.Signing.PrivateKey()
    let rsa: _RSA.Signing.PrivateKey

    init() throws { rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    func bench(_ changes: [String: JSONValue] = [:]) async throws -> BrokerBench {
        try await BrokerBench { folder, configuration in
            let pems = [
                "ed25519": ed25519.publicKey.pemRepresentation, "p256": p256.publicKey.pemRepresentation,
                "p384": p384.publicKey.pemRepresentation, "rsa": rsa.publicKey.pemRepresentation,
            ]
            for (name, pem) in pems { try Data(pem.utf8).write(to: URL(filePath: "\(folder)/\(name).pem")) }
            let files = JSONValue.array(pems.keys.sorted().map { .string("\($0).pem") })
            let provider: [String: JSONValue] = ["issuer": "https://idp", "audience": "brokers", "keys": files]
            configuration.administrators = try Self.settings(
                [
                    "identityProviders": [.object(provider.merging(changes) { $1 }.filter { $1 != .null })],
                    "acls": [
                        [
                            "role": "writer", "methods": ["POST", "DELETE"],
                            "endpoints": ["^/kbs/v0/resource/acme/.*$", "^/kbs/v0/reference-value/acme[^/]*$"],
                        ],
                        [
                            "role": "reader", "methods": ["GET"],
                            "endpoints": ["^/kbs/v0/testudo/audit(\\?last=[0-9]+)?$"],
                        ],
                        ["role": "admin", "endpoints": ["^/kbs/v0/resource$"]],
                    ],
                ], folder: folder)
        }
    }

    static func settings(_ value: JSONValue, folder: String) throws -> AdministratorSettings {
        var fields = try JSONFields(["administrators": value], path: "")
        return try AdministratorSettings(&fields) { "\(folder)/\($0)" }
    }

    func claims(_ role: String, _ bench: BrokerBench, _ changes: [String: JSONValue] = [:]) -> JSONValue {
        let claims: [String: JSONValue] = [
            "role": .string(role), "exp": .integer(bench.time.now + 300), "iss": "https://idp",
            "aud": ["x", "brokers"],
            "sub": "ann",
        ]
        return .object(claims.merging(changes) { $1 }.filter { $1 != .null })
    }

    func token(_ role: String, _ bench: BrokerBench, _ changes: [String: JSONValue] = [:]) throws -> String {
        try JWS.signEdDSA(claims: claims(role, bench, changes), key: ed25519)
    }

    func compact(_ algorithm: String, _ claims: JSONValue, _ sign: ([UInt8]) throws -> [UInt8]) rethrows -> String {
        let header: JSONValue = ["alg": .string(algorithm)]
        let signed = Base64.encodeURL(header.canonicalBytes) + "." + Base64.encodeURL(claims.canonicalBytes)
        return "\(signed).\(Base64.encodeURL(try sign(Array(signed.utf8))))"
    }
}

@Suite("Administrators by role")
struct AdministratorTests {
    private func detail(_ response: BrokerResponse) -> String {
        (try? JSONValue.parse(response.body))?["detail"]?.stringValue ?? ""
    }

    @Test func `a role does what a rule allows it, by method and path, and nothing else`() async throws {
        let provider = try Provider()
        let bench = try await provider.bench()
        let cases: [(role: String, call: String, isAllowed: Bool)] = [
            ("writer", "POST resource/acme/key/one", true), ("writer", "DELETE resource/acme/key/one", true),
            ("writer", "POST resource/acmes/key/one", false), ("writer", "POST resource/other/key/one", false),
            ("writer", "GET testudo/resources/acme/key/one", false), ("writer", "POST testudo/keys/acme/a/b", false),
            ("writer", "GET resource", false), ("writer", "GET testudo/audit", false),
            ("reader", "GET testudo/audit", true), ("reader", "GET testudo/audit/head", false),
            ("reader", "POST resource/acme/key/one", false), ("admin", "GET resource", true),
            ("admin", "POST resource/acme/key/one", false), ("tester", "GET resource", false),
            ("tenant-admin", "GET resource", false), ("", "GET resource", false),
        ]
        for (role, call, isAllowed) in cases {
            let parts = call.split(separator: " ").map(String.init)
            let response = await bench.send(
                parts[0], "kbs/v0/" + parts[1], body: [1], bearer: try provider.token(role, bench))
            if isAllowed {
                #expect(response.status == 200, "\(role) \(call): \(detail(response))")
            } else {
                try expectRefusal(response, 403, "AdminAuthAccess")
                #expect(detail(response) == "Role \(role) not allowed", "\(role) \(call)")
            }
        }
        #expect(try await bench.audit().contains { $0["subject"] == "ann (writer)" && $0["decision"] == "allow" })
    }

    @Test func `parameters are part of what a rule matches, in one form`() async throws {
        let provider = try Provider()
        let bench = try await provider.bench()
        for (query, isAllowed) in [
            (["last": "5"], true), (["last": "x"], false), (["last": "5", "since": "1"], false),
            (["since": "1"], false),
            (["last": "5&since=1"], false),
        ] {
            var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "testudo", "audit"], query: query)
            request.authorization = "Bearer \(try provider.token("reader", bench))"
            #expect(await bench.broker.respond(to: request).status == (isAllowed ? 200 : 403), "\(query)")
        }
    }

    @Test(arguments: [
        "acme%2fother", "acme%2Fother", "acme%5c", "%61cme", "acme%00", "acme%", "acme%4", "acme%zz", "acme%252f", "..",
        ".",
        "", "acme\u{e9}", "acme%20x", "acme%7f", "acme x",
    ])
    func `a path that can be read in two ways is no call`(segment: String) async throws {
        let provider = try Provider()
        let bench = try await provider.bench()
        var request = BrokerRequest(method: "DELETE", path: ["kbs", "v0", "reference-value", segment])
        request.authorization = "Bearer \(try provider.token("writer", bench))"
        try expectRefusal(await bench.broker.respond(to: request), 403, "AdminAuthAccess")
        request.path[3] = "acme%c3%a9"
        // The role may; there is no such value.
        try expectRefusal(await bench.broker.respond(to: request), 404, "RvpsError")
    }

    @Test func `each kind of key signs with its own algorithms only`() async throws {
        let provider = try Provider()
        let bench = try await provider.bench()
        let claims = provider.claims("writer", bench)
        func rsa(_ bytes: [UInt8], _ padding: _RSA.Signing.Padding) throws -> [UInt8] {
            Array(try provider.rsa.signature(for: SHA256.hash(data: bytes), padding: padding).rawRepresentation)
        }
        let secret = SymmetricKey(data: Array(provider.p256.publicKey.pemRepresentation.utf8))
        let tokens: [(String, token: String, isGood: Bool)] = [
            ("EdDSA", try provider.token("writer", bench), true),
            ("ES256", try JWS.signES256(claims: claims, key: provider.p256), true),
            ("ES384", try JWS.signES384(claims: claims, key: provider.p384), true),
            ("RS256", try provider.compact("RS256", claims) { try rsa($0, .insecurePKCS1v1_5) }, true),
            ("PS256", try provider.compact("PS256", claims) { try rsa($0, .PSS) }, true),
            (
                "PS256 padded otherwise", try provider.compact("PS256", claims) { try rsa($0, .insecurePKCS1v1_5) },
                false
            ),
            (
                "ES384 of P-256",
                try provider.compact("ES384", claims) { try Array(provider.p256.signature(for: $0).rawRepresentation) },
                false
            ),
            (
                "HS256",
                provider.compact("HS256", claims) { Array(HMAC<SHA256>.authenticationCode(for: $0, using: secret)) },
                false
            ),
            ("none", provider.compact("none", claims) { _ in [] }, false),
            ("a stranger", try JWS.signES256(claims: claims, key: P256.Signing.PrivateKey()), false),
        ]
        for (name, token, isGood) in tokens {
            let response = await bench.send("POST", "kbs/v0/resource/acme/a/b", body: [1], bearer: token)
            #expect(response.status == (isGood ? 200 : 401), "\(name)")
            if !isGood { #expect(detail(response) == "Cannot verify token with any of the issuers", "\(name)") }
        }
    }

    @Test func `issuer, audience and times are checked`() async throws {
        let provider = try Provider()
        let bench = try await provider.bench()
        let now = bench.time.now
        let generic = "Cannot verify token with any of the issuers"
        for (changes, expected) in [
            (["iss": "https://other"], generic), (["iss": .null], generic), (["aud": "other"], generic),
            (["aud": .null], generic),
            (["exp": .null], "the token has no exp"), (["exp": .integer(now)], "the token has expired"),
            (["exp": .integer(now + 90_000)], "the token lives longer than 86400 seconds"),
            (["exp": "soon"], "the token has no exp"), (["nbf": .integer(now + 100)], "the token is not valid yet"),
            (["role": .null], "the token has no role"), (["role": ["writer"]], "the token has no role"),
        ] as [([String: JSONValue], String)] {
            let response = await bench.send(
                "POST", "kbs/v0/resource/acme/a/b", body: [1], bearer: try provider.token("writer", bench, changes))
            try expectRefusal(response, 401, "AdminAuthAccess")
            #expect(detail(response) == expected)
        }
        let open = try await provider.bench(["issuer": .null, "audience": .null])
        let token = try provider.token("writer", open, ["iss": .null, "aud": "anything"])
        #expect(await open.send("POST", "kbs/v0/resource/acme/a/b", body: [1], bearer: token).status == 200)
        // The owners' keys give the role admin and no other.
        try expectRefusal(
            await open.send(
                "POST", "kbs/v0/resource/acme/a/b", body: [1], bearer: try open.adminToken(["role": "writer"])),
            403, "AdminAuthAccess")
    }

    @Test func `keys that change are in force, and those that are broken or gone are not, nor what they replaced`()
        async throws
    {
        let provider = try Provider()
        let bench = try await provider.bench()
        let successor = Curve25519.Signing.PrivateKey()
        func status(_ key: Curve25519.Signing.PrivateKey) async throws -> Int {
            let token = try JWS.signEdDSA(claims: provider.claims("writer", bench), key: key)
            return await bench.send("POST", "kbs/v0/resource/acme/a/b", body: [1], bearer: token).status
        }
        func readiness() async throws -> String? {
            try JSONValue.parse(await bench.send("GET", "readyz").body)["files"]?.stringValue
        }
        func write(_ text: String) throws {
            try Data(text.utf8).write(to: URL(filePath: bench.folder + "/ed25519.pem"))
        }
        #expect(try await (status(provider.ed25519), status(successor)) == (200, 401))
        try write("broken")
        #expect(try await readiness() == "unreadable: identity provider's keys")
        // Whoever breaks or removes a file takes trust away. The provider's other keys are in force.
        #expect(try await (status(provider.ed25519), status(successor)) == (401, 401))
        let other = try JWS.signES256(claims: provider.claims("writer", bench), key: provider.p256)
        #expect(await bench.send("POST", "kbs/v0/resource/acme/a/b", body: [1], bearer: other).status == 200)
        try write(successor.publicKey.pemRepresentation)
        #expect(try await readiness() == "current")
        #expect(try await (status(provider.ed25519), status(successor)) == (401, 200))
        let owner = URL(filePath: bench.folder + "/admin.pub")
        let key = try Data(contentsOf: owner)
        try FileManager.default.removeItem(at: owner)
        #expect(try await readiness() == "unreadable: administrators' keys")
        #expect(try await bench.administer("GET", "resource").status == 401)
        try key.write(to: owner)
        #expect(try await readiness() == "current")
        #expect(try await bench.administer("GET", "resource").status == 200)
        let said = try await bench.audit().filter { $0["check"] == "trusted-keys" }.compactMap {
            $0["reason"]?.stringValue
        }
        #expect(said.contains { $0.hasPrefix("not in force any more") && $0.contains("admin.pub") })
        #expect(said.contains { $0.hasPrefix("not in force any more") && $0.contains("ed25519.pem") })
        #expect(said.last.map { $0.contains("admin.pub") && $0.hasSuffix("is in force") } == true, "\(said)")
    }

    @Test(arguments: [
        #"{"identityProviders":[],"acls":[{"role":"a","endpoints":["^/kbs$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[]}"#, #"{"identityProviders":[{"keys":["k"]}]}"#,
        #"{"identityProviders":[{}],"acls":[{"role":"a","endpoints":["^/kbs$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"],"jwks":"j"}],"acls":[{"role":"a","endpoints":["^/kbs$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"tenant-admin","endpoints":["^/kbs$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["/kbs/.*$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["^/kbs/.*"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["^/kbs/a$|.*$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["^/kbs/\\Q(\\E|.*$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["^/kbs/(a$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["^/kbs/(?=a)$"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":[]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["^/kbs$"],"methods":["get"]}]}"#,
        #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["^/kbs$"],"method":["GET"]}]}"#,
    ])
    func `faulty settings are refused`(text: String) throws {
        #expect(throws: WireError.self) { try Provider.settings(try JSONValue.parse(text: text), folder: "/") }
    }

    @Test func `a pattern matches the whole of a call only`() throws {
        let settings = try Provider.settings(
            try JSONValue.parse(
                text: #"{"identityProviders":[{"keys":["k"]}],"acls":[{"role":"a","endpoints":["^/kbs/v0/a\\$"]}]}"#),
            folder: "/")
        let call = try AdministratorCall(BrokerRequest(method: "GET", path: ["kbs", "v0", "a$", "b"]))
        #expect(!settings.allows("a", call))
        #expect(settings.allows("a", try AdministratorCall(BrokerRequest(method: "GET", path: ["kbs", "v0", "a$"]))))
    }
}
