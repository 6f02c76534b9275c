import Crypto
import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("CCA verifier", .enabled(if: Vectors.available))
struct CCAVerifierTests {
    private static let folder = "trustee/deps/verifier/test_data/cca"

    private static func token() throws -> CCAToken {
        try CCAToken(parsing: try Vectors.bytes("\(folder)/misc/cca-example-token.cbor"))
    }

    private static func verifier() throws -> CCAVerifier {
        let json = try JSONValue.parse(try Vectors.bytes("\(folder)/conf/tastore.json"))
        return CCAVerifier(endorsements: try CCAEndorsement.list(json: json))
    }

    /// The same token with other bytes in one of its messages.
    private static func edited(
        platform: (inout COSESign1) -> Void = { _ in }, realm: (inout COSESign1) -> Void = { _ in }
    ) throws -> CCAToken {
        var token = try token()
        platform(&token.platformMessage)
        realm(&token.realmMessage)
        return try CCAToken(parsing: token.bytes)
    }

    @Test func `trustee's example token is genuine`() throws {
        let token = try Self.token()
        let verified = try Self.verifier().verify(token, challenge: token.realm.challenge)
        let claims = CCAClaims.claims(of: verified)
        let realm = claims["realm"]
        #expect(realm?["cca_realm_hash_algo_id"] == "sha-512")
        #expect(realm?["cca_realm_extensible_measurements"]?.arrayValue?.count == 4)
        #expect(claims["platform"]?["cca_platform_lifecycle"] == 12_291)
        #expect(claims["report_data"] == realm?["cca_realm_challenge"])
    }

    /// Each check with a change that it alone refuses.
    @Test func `a check that is switched off lets its change through`() throws {
        let verifier = try Self.verifier()
        let challenge = try Self.token().realm.challenge
        func refuse(_ token: CCAToken, _ check: EvidenceCheck, _ challenge: [UInt8]) {
            let refusal = #expect(throws: EvidenceRefusal.self) { try verifier.verify(token, challenge: challenge) }
            #expect(refusal?.check == check)
            VerificationRecord.$switchedOff.withValue([check]) {
                #expect(throws: Never.self) { try verifier.verify(token, challenge: challenge) }
            }
        }
        refuse(try Self.edited(platform: { $0.signature[5] ^= 1 }), .signature, challenge)
        refuse(try Self.edited(realm: { $0.signature[5] ^= 1 }), .ccaRealmSignature, challenge)
        refuse(try Self.token(), .reportData, Array(challenge.dropLast()) + [1])
    }

    @Test func `a platform nobody vouches for is refused`() throws {
        let token = try Self.token()
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try CCAVerifier(endorsements: []).verify(token, challenge: token.realm.challenge)
        }
        #expect(refusal?.check == .root)
    }

    /// Whoever has any realm key can sign a realm's token; only the platform's token says whose key it is.
    @Test func `a realm's token under another key is refused by the platform's token`() throws {
        let key = P384.Signing.PrivateKey()
        let token = try Self.edited(realm: { message in
            let point = Array(key.publicKey.x963Representation)
            guard case .map(var pairs)? = try? CBORValue(parsing: message.payload, "payload") else { return }
            for index in pairs.indices where pairs[index].key == .unsigned(44_237) {
                pairs[index].value = .bytes(point)
            }
            message.payload = CBORValue.map(pairs).bytes
            message.signature = Array(
                (try? key.signature(for: SHA384.hash(data: message.signedBytes)))?.rawRepresentation ?? .init())
        })
        let verifier = try Self.verifier()
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try verifier.verify(token, challenge: token.realm.challenge)
        }
        #expect(refusal?.check == .ccaBinding)
        VerificationRecord.$switchedOff.withValue([.ccaBinding]) {
            #expect(throws: Never.self) { try verifier.verify(token, challenge: token.realm.challenge) }
        }
    }

    @Test func `a platform that is not secured is refused though its key signed`() throws {
        let key = P384.Signing.PrivateKey()
        let token = try Self.edited(platform: { message in
            guard case .map(var pairs)? = try? CBORValue(parsing: message.payload, "payload") else { return }
            for index in pairs.indices where pairs[index].key == .unsigned(2395) {
                pairs[index].value = .unsigned(0x5000)
            }
            message.payload = CBORValue.map(pairs).bytes
            message.signature = Array(
                (try? key.signature(for: SHA384.hash(data: message.signedBytes)))?.rawRepresentation ?? .init())
        })
        let verifier = CCAVerifier(endorsements: [
            CCAEndorsement(
                implementationID: token.platform.implementationID, instanceID: token.platform.instanceID,
                key: try COSEKey(point: Array(key.publicKey.x963Representation)))
        ])
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try verifier.verify(token, challenge: token.realm.challenge)
        }
        #expect(refusal?.check == .ccaLifecycle)
        VerificationRecord.$switchedOff.withValue([.ccaLifecycle]) {
            #expect(throws: Never.self) { try verifier.verify(token, challenge: token.realm.challenge) }
        }
    }
}
