import Crypto
import CryptoExtras
import Envelope
import Foundation
import Fuzzing
import SwiftASN1
import Synchronization
import Verifier
import WireFormat

@testable import KeyBroker

/// Tokens of everybody. Before one that the fuzzer signs stands a byte below 32 for the key, then `{header, claims}`; any other
/// input is a token as it came.
enum TokenFormat: FormatFamily {
    static let shape = Shape.chosen { bytes in
        (bytes.first ?? 0) < 32 ? .fields([.number(1), .rest(.json)]) : .token
    }
    static let sources =
        ["Sources/Common/Envelope/JWS.swift"]
        + ["Tokens/ForeignTokens", "Tokens/CertificateTrust", "Tokens/BearerClaims", "Administration/TenantGate"].map {
            "Sources/Tenant/KeyBroker/\($0).swift"
        }

    /// Who judges.
    private struct Judges: Sendable {
        let gate: AdminGate
        let foreign: ForeignTokens
        let tenant: Tenant
        let own: TokenKeyring
    }

    private static let judges = Fixed.made {
        let admin = Scratch.write("admin.pub", Array("\(Fixed.edwards.publicKey.pemRepresentation)\n".utf8))
        let p256 = Scratch.write("p256.pub", Array("\(Fixed.signing.publicKey.pemRepresentation)\n".utf8))
        let rsa = Scratch.write("rsa.pub", Array("\(Fixed.rsaSigning.publicKey.pemRepresentation)\n".utf8))
        let set: JSONValue = [
            "keys": [
                Fixed.jwk("P-384", Fixed.signing384.publicKey.rawRepresentation, ["kid": "one"]),
                Fixed.rsaJWK("PS256"), Fixed.edwardsJWK(Fixed.tenant),
            ]
        ]
        let keys = Scratch.write("keys.json", set.canonicalBytes)
        let roots = Scratch.write("roots.pem", Array(CertificateFormat.root.pem.utf8))
        var fields = try JSONFields(
            [
                "administrators": [
                    "identityProviders": [
                        ["issuer": "idp", "audience": "testudo", "keys": [.string(p256), .string(rsa)]],
                        ["jwks": .string(keys), "longestMinutes": 10],
                    ],
                    "acls": [["role": "writer", "methods": ["POST"], "endpoints": ["^/kbs/v0/resource/acme/.*$"]]],
                ],
                "foreignTokens": [
                    ["issuer": "elsewhere", "jwks": .string(keys), "audience": "us", "teeKeyPaths": ["/a/b/0"]],
                    ["issuer": "elsewhere", "jwks": .string(keys), "longestMinutes": 60],
                    ["issuer": "chain", "certificates": .string(roots)],
                ],
            ], path: "")
        let settings = try AdministratorSettings(&fields) { $0 }
        return Judges(
            gate: try AdminGate(keys: [admin], settings, watch: FileWatch { _ in }, clock: Fixed.clock),
            foreign: try ForeignTokens(try ForeignIssuer.list(&fields) { $0 }),
            tenant: try Tenant(
                name: "acme",
                body: [
                    "admins": [["name": "ann", "key": .string(Fixed.tenant.publicKey.pemRepresentation)]],
                    "repositories": ["acme"], "namespaces": ["acme"],
                ]),
            own: TokenKeyring(TokenSigningKey(Fixed.signing), since: Fixed.now - 1000, lifetime: 300))
    }

    static func prepare() { _ = judges }

    static func run(_ bytes: [UInt8]) throws {
        guard let first = bytes.first else { return }
        guard first < 32 else {
            let token = String(decoding: bytes, as: UTF8.self)
            let accepted = try judge(token)
            require(!accepted || Honest.contains(bytes), "a token counts that nobody signed")
            return
        }
        let json = try JSONValue.parse(bytes.dropFirst())
        guard let token = signed(Int(first), json) else { return }
        _ = try judge(token)
    }

    /// Whether anybody takes the token for genuine.
    private static func judge(_ token: String) throws -> Bool {
        var genuine = false
        let known: [JWS.Key] = [
            .es256(Fixed.signing.publicKey), .es384(Fixed.signing384.publicKey), .edDSA(Fixed.edwards.publicKey),
            .edDSA(Fixed.tenant.publicKey), .rs256(Fixed.rsaSigning.publicKey), .ps256(Fixed.rsaSigning.publicKey),
        ]
        let header = try JWS.unverifiedHeader(token)
        let verified = try? JWS.verify(token, keys: known)
        if let verified {
            genuine = true
            require(verified.header == header, "a token has two headers")
        }
        var request = BrokerRequest(method: "POST", path: ["kbs", "v0", "resource", "acme", "a", "b"])
        request.authorization = "Bearer \(token)"
        if let administrator = try? judges.gate.admit(request) {
            require(genuine, "somebody administers with a token that nobody signed")
            let claims = verified?.payload
            require(claims?["exp"]?.integerValue ?? 0 > Fixed.now, "an administrator's token is over")
            require(claims?["role"]?.stringValue == administrator.role, "an administrator has another role")
            let longest: Int64 = administrator.role == "admin" ? 3600 : 86_400
            require(
                (claims?["exp"]?.integerValue ?? .max) - Fixed.now <= longest, "an administrator's token is too long")
        }
        if AdminGate.claimedTenant(request.authorization) != nil,
            let tenant = try? judges.gate.admit(request.authorization, for: judges.tenant)
        {
            require(genuine && tenant.tenant?.name == "acme", "somebody administers a tenant without its key")
            require(verified?.payload["tenant"] == "acme", "a token of another tenant")
        }
        if let claims = try? judges.own.claims(of: token, now: Fixed.now) {
            require(genuine && claims == verified?.payload, "a token of the broker that it did not sign")
        }
        do {
            let bearer = try wait { try await judges.foreign.bearer(of: token, now: Fixed.clock.now) }
            require(["elsewhere", "chain"].contains(bearer.issuer), "a token of somebody unknown")
            require(bearer.guest == nil, "another service's token stands for a guest of ours")
            require(bearer.claims["exp"]?.integerValue ?? 0 > Fixed.now, "a token is over")
            require((try? JSONWebKey(parsing: bearer.encryptionKey)) != nil, "a token without a key")
            genuine = true
        } catch {
            if !genuine { throw error }
        }
        return genuine
    }

    /// A token over what the input says, by one of the keys.
    private static func signed(_ number: Int, _ json: JSONValue) -> String? {
        let claims = json["claims"] ?? .object([:])
        let header = json["header"]?.objectValue ?? [:]
        switch number < 6 ? number : number % 3 {
        case 0: return try? JWS.signEdDSA(claims: claims, key: Fixed.edwards, header: header)
        case 1: return try? JWS.signEdDSA(claims: claims, key: Fixed.tenant, header: header)
        case 2: return try? JWS.signES256(claims: claims, key: Fixed.signing, header: header)
        case 3: return try? JWS.signES384(claims: claims, key: Fixed.signing384, header: header)
        default:
            let isPSS = number == 4
            let all = header.merging(["alg": isPSS ? "PS256" : "RS256"]) { $1 }
            let text =
                Base64.encodeURL(JSONValue.object(all).canonicalBytes) + "."
                + Base64.encodeURL(claims.canonicalBytes)
            guard
                let signature = try? Fixed.rsaSigning.signature(
                    for: SHA256.hash(data: Array(text.utf8)), padding: isPSS ? .PSS : .insecurePKCS1v1_5)
            else { return nil }
            return "\(text).\(Base64.encodeURL(Array(signature.rawRepresentation)))"
        }
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        let (iat, exp): (JSONValue, JSONValue) = (.integer(Fixed.now - 10), .integer(Fixed.now + 300))
        let tee = Fixed.recipients[0]
        let x5c = JSONValue.array(CertificateFormat.tokenChain.map { .string(Base64.encode($0)) })
        let shown = Fixed.jwk("P-256", Fixed.signing.publicKey.rawRepresentation, ["x5c": x5c])
        let all: [(UInt8, JSONValue)] = [
            (0, ["claims": ["role": "admin", "exp": exp, "sub": "me", "aud": "testudo-keybroker"]]),
            (1, ["claims": ["role": "tenant-admin", "tenant": "acme", "exp": exp, "nbf": iat]]),
            (2, ["claims": ["role": "writer", "iss": "idp", "aud": ["testudo", "b"], "exp": exp, "iat": iat]]),
            (5, ["claims": ["role": "writer", "iss": "idp", "aud": "testudo", "exp": exp]]),
            (3, ["header": ["kid": "one"], "claims": ["role": "writer", "exp": exp]]),
            (
                3,
                [
                    "header": ["kid": "one"],
                    "claims": [
                        "iss": "elsewhere", "exp": exp, "iat": iat, "aud": "us", "a": ["b": [tee]], "tee-pubkey": tee,
                    ],
                ]
            ),
            (
                4,
                [
                    "claims": [
                        "iss": "elsewhere", "exp": exp, "nbf": iat, "tdx": ["attester_user_data": ["tee-pubkey": tee]],
                    ]
                ]
            ),
            (
                1,
                [
                    "claims": [
                        "iss": "elsewhere", "exp": exp, "customized_claims": ["runtime_data": ["tee-pubkey": tee]],
                    ]
                ]
            ),
            (2, ["header": ["jwk": shown], "claims": ["iss": "chain", "exp": exp, "iat": iat, "tee-pubkey": tee]]),
            (
                2,
                [
                    "claims": [
                        "iss": "testudo-keybroker", "aud": "testudo-keybroker", "exp": exp, "iat": iat,
                        "cnf": ["jwk": tee], "testudo": Guests.claims,
                    ]
                ]
            ),
        ]
        return all.map { [$0.0] + $0.1.canonicalBytes }
            + all.compactMap { signed(Int($0.0), $0.1).map { Array($0.utf8) } }
    }
}
