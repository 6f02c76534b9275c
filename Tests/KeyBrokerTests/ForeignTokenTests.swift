import Crypto
import CryptoExtras
import Envelope
import Foundation
import SwiftASN1
import TestSupport
import Testing
import Unsealing
import WireFormat
import X509

@testable import KeyBroker

/// Another attestation service with keys of its own.
private struct ForeignService {
    let key = P256.Signing.PrivateKey()
    let rsa: _RSA.Signing.PrivateKey
    let edwards = Curve25519.Signing.PrivateKey()
    let guest = P256.KeyAgreement.PrivateKey()

    init() throws { rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    var teeKey: JSONValue { JSONWebKey(guest.publicKey).json }

    func jwk(_ name: String? = nil) -> JSONValue {
        var members = JSONWebKey(key.publicKey).json.objectValue ?? [:]
        members["kid"] = name.map { .string($0) }
        return .object(members)
    }

    func rsaJWK(_ algorithm: String?) throws -> JSONValue {
        let numbers = try rsa.publicKey.getKeyPrimitives()
        var members: [String: JSONValue] = [
            "kty": "RSA", "n": .string(Base64.encodeURL(Array(numbers.modulus))),
            "e": .string(Base64.encodeURL(Array(numbers.publicExponent))),
        ]
        members["alg"] = algorithm.map { .string($0) }
        return .object(members)
    }

    var edwardsJWK: JSONValue {
        ["kty": "OKP", "crv": "Ed25519", "x": .string(Base64.encodeURL(Array(edwards.publicKey.rawRepresentation)))]
    }

    func claims(_ now: Int64, _ changes: [String: JSONValue] = [:]) -> JSONValue {
        let good: [String: JSONValue] = [
            "iss": "elsewhere", "iat": .integer(now - 10), "exp": .integer(now + 300), "owner": "Alice",
            "submods": [
                "cpu0": [
                    "ear.status": "affirming",
                    "ear.veraison.annotated-evidence": ["runtime_data_claims": ["tee-pubkey": teeKey]],
                ]
            ],
        ]
        return .object(good.merging(changes) { $1 }.filter { $1 != .null })
    }

    func token(_ claims: JSONValue, header: [String: JSONValue] = [:]) throws -> String {
        try JWS.signES256(claims: claims, key: key, header: header)
    }

    /// A token with any header, signed with RSA.
    func token(
        rsa claims: JSONValue, algorithm: String, padding: _RSA.Signing.Padding, header: [String: JSONValue] = [:]
    ) throws -> String {
        let head = JSONValue.object(header.merging(["alg": .string(algorithm)]) { $1 })
        let signed = Base64.encodeURL(head.canonicalBytes) + "." + Base64.encodeURL(claims.canonicalBytes)
        let signature = try rsa.signature(for: SHA256.hash(data: Data(signed.utf8)), padding: padding)
        return signed + "." + Base64.encodeURL(Array(signature.rawRepresentation))
    }
}

@Suite("Tokens of other services")
struct ForeignTokenTests {
    private static let allow = "package policy\ndefault allow := false\nallow if input.owner == \"Alice\"\n"

    private func bench(_ service: ForeignService, _ member: [String: JSONValue], _ file: [UInt8]) async throws
        -> BrokerBench
    {
        let bench = try await BrokerBench { folder, configuration in
            try PrivateFile.write(file, to: folder + "/trust")
            var entry: [String: JSONValue] = ["issuer": "elsewhere", "jwks": "trust"]
            entry.merge(member) { $1 }
            let members: JSONValue = ["foreignTokens": [.object(entry.filter { $1 != .null })]]
            var fields = try JSONFields(members, path: "")
            configuration.foreignTokens = try ForeignIssuer.list(&fields) { folder + "/" + $0 }
        }
        let policy: JSONValue = [
            "policy": .string(Base64.encodeURL(Array(Self.allow.utf8))), "registration": "not-needed",
        ]
        #expect(try await bench.administer("POST", "resource-policy", policy.canonicalBytes).status == 200)
        #expect(try await bench.administer("POST", "resource/default/key/one", Array("secret".utf8)).status == 200)
        return bench
    }

    private func read(_ bench: BrokerBench, _ token: String) async -> BrokerResponse {
        await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token)
    }

    private static func set(_ keys: JSONValue...) -> [UInt8] { JSONValue.object(["keys": .array(keys)]).canonicalBytes }

    @Test func `a token under a pinned key gets what a policy allows, sealed to its TEE key`() async throws {
        let service = try ForeignService()
        let bench = try await bench(service, [:], Self.set(service.jwk()))
        let now = bench.time.now
        let response = await read(bench, try service.token(service.claims(now)))
        #expect(response.status == 200)
        let sealed = try JSONValue.parse(response.body)
        #expect(try JWE.open(sealed, with: service.guest).copyBytes() == Array("secret".utf8))
        let line = try await bench.audit().last { $0["kind"] == "release" }
        #expect(line?["subject"] == "elsewhere" && line?["decision"] == "allow")
        // Not its own policy's owner.
        try expectRefusal(
            await read(bench, try service.token(service.claims(now, ["owner": "Bob"]))), 403, "PolicyDeny")
        // A certificate is for guests whose evidence was seen here.
        let certificate = await bench.send(
            "POST", "kbs/v0/testudo/certificate", body: Array(#"{"csr":""}"#.utf8),
            bearer: try service.token(service.claims(now)))
        try expectRefusal(certificate, 403, "PolicyDeny")
        // Without a policy that needs no registration there is nothing for it.
        try await bench.administer("DELETE", "testudo/resource-policies/resource-policy")
        try expectRefusal(await read(bench, try service.token(service.claims(now))), 403, "PolicyDeny")
    }

    @Test func `times, issuer, audience and TEE key are checked`() async throws {
        let service = try ForeignService()
        let bench = try await bench(service, [:], Self.set(service.jwk()))
        let now = bench.time.now
        let bad: [(String, [String: JSONValue])] = [
            ("exp", ["exp": .integer(now)]), ("exp", ["exp": .null]), ("exp", ["exp": "soon"]),
            ("exp", ["exp": .integer(now + 90_000)]), ("exp", ["exp": .integer(.max), "iat": .integer(0)]),
            ("iat", ["iat": .integer(now + 120)]), ("iat", ["iat": .integer(.min)]), ("iat", ["iat": "1"]),
            ("nbf", ["nbf": .integer(now + 120)]), ("iss", ["iss": "nowhere"]), ("iss", ["iss": .null]),
            ("aud", ["aud": "somebody"]), ("tee-key", ["submods": .null]),
            ("tee-key", ["submods": .null, "tee-pubkey": ["kty": "EC"]]),
            ("tee-key", ["submods": .null, "tee-pubkey": try service.rsaJWK("RSA1_5")]),
        ]
        for (check, changes) in bad {
            let response = await read(bench, try service.token(service.claims(now, changes)))
            try expectRefusal(response, 401, "TokenVerifierError")
            let trace = try JSONValue.parse(response.body)["trace_id"]
            let line = try await bench.audit().last { $0["trace"] == trace }
            #expect(line?["check"] == .string("token-\(check)"), "\(changes)")
        }
        #expect(await read(bench, try service.token(service.claims(now))).status == 200)
        let strict = try await self.bench(service, ["audience": "us"], Self.set(service.jwk()))
        #expect(await read(strict, try service.token(service.claims(now))).status == 401)
        #expect(await read(strict, try service.token(service.claims(now, ["aud": "them"]))).status == 401)
        #expect(await read(strict, try service.token(service.claims(now, ["aud": ["them", "us"]]))).status == 200)
    }

    @Test func `a TEE key lies where the configuration or the services of the field put it`() async throws {
        let service = try ForeignService()
        let bench = try await bench(service, ["teeKeyPaths": ["/a~1b/0/key"]], Self.set(service.jwk()))
        let places: [[String: JSONValue]] = [
            [
                "a/b": [["key": service.teeKey]],
                "tee-pubkey": JSONWebKey(P256.KeyAgreement.PrivateKey().publicKey).json,
            ],
            ["tdx": ["attester_runtime_data": ["tee-pubkey": service.teeKey]]],
            ["tdx": ["attester_user_data": ["tee-pubkey": service.teeKey]]],
            ["customized_claims": ["runtime_data": ["tee-pubkey": service.teeKey]]],
            ["tee-pubkey": service.teeKey],
        ]
        for place in places {
            let changes = place.merging(["submods": .null]) { $1 }
            let response = await read(bench, try service.token(service.claims(bench.time.now, changes)))
            #expect(response.status == 200)
            #expect(throws: Never.self) { try JWE.open(try JSONValue.parse(response.body), with: service.guest) }
        }
    }

    @Test func `no key of the token's own counts, and the algorithm is the key's`() async throws {
        let service = try ForeignService()
        let stranger = try ForeignService()
        let bench = try await bench(service, [:], Self.set(service.jwk("one"), try service.rsaJWK("PS256")))
        let claims = service.claims(bench.time.now)
        func expect(_ status: Int, _ token: String, _ what: Comment) async {
            #expect(await read(bench, token).status == status, what)
        }
        await expect(401, try stranger.token(claims, header: ["jwk": stranger.jwk()]), "the header's key")
        await expect(401, try stranger.token(claims, header: ["kid": "one"]), "another's key under a known name")
        await expect(200, try service.token(claims, header: ["kid": "one", "jwk": stranger.jwk()]), "a key named")
        let pss = try service.token(rsa: claims, algorithm: "PS256", padding: .PSS)
        await expect(200, pss, "PS256")
        await expect(
            401, try service.token(rsa: claims, algorithm: "RS256", padding: .insecurePKCS1v1_5), "another padding")
        await expect(401, try service.token(rsa: claims, algorithm: "PS256", padding: .insecurePKCS1v1_5), "a lie")
        let parts = try service.token(claims).split(separator: ".").map(String.init)
        for algorithm in ["none", "HS256", "ES384", "EdDSA"] {
            let head = Base64.encodeURL(Array(#"{"alg":"\#(algorithm)"}"#.utf8))
            await expect(401, "\(head).\(parts[1]).\(parts[2])", "\(algorithm)")
        }
        // The public key as the secret of a MAC: the classic.
        let head = Base64.encodeURL(Array(#"{"alg":"HS256"}"#.utf8)) + "." + parts[1]
        let mac = HMAC<SHA256>.authenticationCode(
            for: Array(head.utf8), using: SymmetricKey(data: service.jwk("one").canonicalBytes))
        await expect(401, head + "." + Base64.encodeURL(Array(mac)), "MAC")
        for bad in ["", ".", "..", "a.b.c", parts[0] + "." + parts[1], parts.joined(separator: ".") + "."] {
            await expect(401, bad, "\(bad)")
        }
        let long = service.claims(bench.time.now, ["long": .string(String(repeating: "x", count: 300_000))])
        await expect(401, try service.token(long), "too long")
    }

    @Test func `a key set that changes counts at once, and one that is broken lets nobody in`() async throws {
        let service = try ForeignService()
        let bench = try await bench(service, [:], Self.set(service.edwardsJWK))
        let token = try JWS.signEdDSA(claims: service.claims(bench.time.now), key: service.edwards)
        #expect(await read(bench, token).status == 200)
        let path = bench.folder + "/trust"
        func put(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic) }
        try put(Self.set(service.jwk()))
        #expect(await read(bench, token).status == 401)
        try put(Array(#"{"keys":["#.utf8))
        let refused = await read(bench, token)
        try expectRefusal(refused, 401, "TokenVerifierError")
        #expect(!String(decoding: refused.body, as: UTF8.self).contains(bench.folder))
        try put(Self.set(service.edwardsJWK))
        #expect(await read(bench, token).status == 200)
        try FileManager.default.removeItem(atPath: path)
        #expect(await read(bench, token).status == 401)
    }

    @Test func `keys of odd form are refused by the name of the member`() throws {
        let service = try ForeignService()
        func refused(_ jwk: JSONValue, _ changes: [String: JSONValue]) -> String? {
            let members = (jwk.objectValue ?? [:]).merging(changes) { $1 }.filter { $1 != .null }
            do {
                _ = try JWS.Key(jwk: .object(members))
                return nil
            } catch {
                return error.field
            }
        }
        let rsa = try service.rsaJWK(nil)
        let cases: [(JSONValue, [String: JSONValue], String)] = [
            (service.jwk(), ["alg": "ES384"], "jwk.alg"), (service.jwk(), ["alg": "HS256"], "jwk.alg"),
            (service.jwk(), ["use": "enc"], "jwk.use"), (service.jwk(), ["key_ops": ["encrypt"]], "jwk.key_ops"),
            (service.jwk(), ["crv": "P-521"], "jwk.crv"), (service.jwk(), ["crv": "P-384"], "jwk.x"),
            (service.jwk(), ["d": "AA"], "jwk.d"), (service.jwk(), ["kty": "RSA"], "jwk.n"),
            (service.jwk(), ["kty": "oct"], "jwk.kty"), (service.jwk(), ["y": service.jwk()["x"] ?? .null], "jwk.x"),
            (rsa, ["alg": "ES256"], "jwk.alg"), (rsa, ["alg": "RS512"], "jwk.alg"), (rsa, ["e": "AQ"], "jwk.e"),
            (rsa, ["e": "AQAA"], "jwk.e"), (rsa, ["n": "AQAB"], "jwk.n"), (rsa, ["kty": "EC"], "jwk.crv"),
            (service.edwardsJWK, ["x": "AA"], "jwk.x"), (service.edwardsJWK, ["crv": "X25519"], "jwk.crv"),
        ]
        for (jwk, changes, field) in cases { #expect(refused(jwk, changes) == field, "\(changes)") }
        for jwk in [service.jwk(), rsa, service.edwardsJWK] { #expect(refused(jwk, [:]) == nil) }
        #expect(try JWS.Key(jwk: rsa).algorithm == "RS256")
    }

    @Test(.enabled(if: Vectors.available), arguments: 1...7)
    func `chains of trustee's scenarios lead to their roots or do not`(scenario: Int) async throws {
        let folder = "trustee/kbs/test_data/jwk/scenario0\(scenario)"
        let trust = try CertificateTrust(pem: try Vectors.bytes("\(folder)-trust.pem"))
        let jwk = try JSONValue.parse(try Vectors.bytes("\(folder)-jwk.json"))
        let now = Date(timeIntervalSince1970: 1_795_000_000)
        let expected: [Int: String] = [2: "jwk.x5c[0]", 3: "jwk.x5c", 4: "jwk.x5c"]
        if let field = expected[scenario] {
            let error = await #expect(throws: WireError.self) { try await trust.key(header: ["jwk": jwk], now: now) }
            #expect(error?.field == field)
            return
        }
        #expect(try await trust.key(header: ["jwk": jwk], now: now).algorithm == "RS256")
        // Outside of its dates no chain counts, and neither does one of which the leaf is missing.
        for wrong in [1_700_000_000.0, 2_200_000_000] {
            let date = Date(timeIntervalSince1970: wrong)
            await #expect(throws: WireError.self) { try await trust.key(header: ["jwk": jwk], now: date) }
        }
        await #expect(throws: WireError.self) { try await trust.key(header: [:], now: now) }
    }

    @Test func `a token under a certificate counts only while the certificate is good`() async throws {
        let service = try ForeignService()
        let issuer = try await BrokerBench()
        let root = try IssuingRoot.selfSigned(
            Certificate.PrivateKey(P256.Signing.PrivateKey()), name: "other", now: issuer.time.clock.now,
            lifetime: 86_400)
        let own = try IssuingRoot.selfSigned(
            Certificate.PrivateKey(service.key), name: "signer", now: issuer.time.clock.now, lifetime: 600)
        func header(_ certificate: Certificate) throws -> [String: JSONValue] {
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            var jwk = service.jwk().objectValue ?? [:]
            jwk["x5c"] = [.string(Base64.encode(serializer.serializedBytes))]
            return ["jwk": .object(jwk)]
        }
        let pem = Array(try own.serializeAsPEM().pemString.utf8)
        let bench = try await bench(service, ["jwks": .null, "certificates": "trust"], pem)
        let now = bench.time.now
        #expect(await read(bench, try service.token(service.claims(now), header: try header(own))).status == 200)
        #expect(await read(bench, try service.token(service.claims(now), header: try header(root))).status == 401)
        #expect(await read(bench, try service.token(service.claims(now))).status == 401)
        #expect(
            await read(bench, try service.token(service.claims(now), header: ["jwk": service.jwk()])).status == 401)
        bench.time.advance(700)
        let late = try service.token(service.claims(bench.time.now), header: try header(own))
        try expectRefusal(await read(bench, late), 401, "TokenVerifierError")
    }

    @Test func `one broker's tokens serve at another that trusts its keys, in the name of its issuer`() async throws {
        let first = try await BrokerBench { _, configuration in configuration.tokenIssuer = "first" }
        let token = try await first.broker.tokens.issue(
            guest: try AttestedGuest(
                claims: [
                    "manifest": "", "measurement": "ab", "technology": "snp", "simulated": false, "debug": false,
                    "instance": "", "epoch": 0, "binding": "launch", "tlsKey": "",
                ], encryptionKey: FakeGuest().publicKey),
            submodule: [
                "ear.veraison.annotated-evidence": ["runtime_data_claims": ["tee-pubkey": FakeGuest().publicKey]]
            ])
        let payload = try JSONValue.parse(
            try Base64.decodeURL(String(token.split(separator: ".")[1]), field: "payload"))
        #expect(payload["iss"] == "first")
        let service = try ForeignService()
        let second = try await bench(
            service, ["issuer": "first", "audience": "testudo-keybroker"], first.broker.tokens.keySet.canonicalBytes)
        // The signature holds; the policy asks for an owner that the token does not name.
        try expectRefusal(await read(second, token), 403, "PolicyDeny")
        let third = try await bench(
            service, ["issuer": "third", "audience": "testudo-keybroker"], first.broker.tokens.keySet.canonicalBytes)
        try expectRefusal(await read(third, token), 401, "TokenVerifierError")
    }

    @Test func `a configuration names a trust, once`() throws {
        func list(_ entries: JSONValue...) throws -> [ForeignIssuer] {
            var fields = try JSONFields(["foreignTokens": .array(entries)], path: "")
            return try ForeignIssuer.list(&fields) { $0 }
        }
        #expect(try list(["issuer": "a", "jwks": "f"]).count == 1)
        let bad: [JSONValue] = [
            ["issuer": "a"], ["issuer": "a", "jwks": "f", "certificates": "g"], ["issuer": "", "jwks": "f"],
            ["jwks": "f"], ["issuer": "a", "jwks": "f", "teeKeyPaths": ["key"]],
            ["issuer": "a", "jwks": "f", "teeKeyPaths": ["/~2"]], ["issuer": "a", "jwks": "f", "more": 1],
            ["issuer": "a", "jwks": "f", "longestMinutes": 0],
        ]
        for entry in bad { #expect(throws: WireError.self) { try list(entry) } }
        #expect(throws: WireError.self) {
            try list(["issuer": "a", "jwks": "f"], ["issuer": "a", "certificates": "g"])
        }
    }
}
