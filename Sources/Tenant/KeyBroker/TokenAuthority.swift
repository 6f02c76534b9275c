import Crypto
import Envelope
import Foundation
import SwiftASN1
import WireFormat
import X509

/// Signs and checks attestation tokens: EAR as a JWT with ES256, the key in the header as JWK with its certificate.
///
/// The key is made at first start and kept sealed, so that tokens outlive a restart. Checking uses this key only; the
/// one in a token's header is for others.
final class TokenAuthority: Sendable {
    private let key: P256.Signing.PrivateKey
    private let publicKey: JSONValue
    private let lifetime: Int64
    private let clock: BrokerClock

    /// The `aud` and `iss` of each token.
    static let audience = "testudo-keybroker"
    private static let profile = "tag:github.com,2024:confidential-containers/Trustee"
    private static let evidenceMember = "ear.veraison.annotated-evidence"

    init(store: BrokerStore, minutes: Int64, clock: BrokerClock) throws(BrokerError) {
        let fresh = Array(P256.Signing.PrivateKey().rawRepresentation)
        let raw = try store.createSetting("token-key", fresh)
        guard let key = try? P256.Signing.PrivateKey(rawRepresentation: raw) else {
            throw BrokerError(.failed, check: "token-key", "the stored token key is damaged")
        }
        let root = try IssuingRoot.selfSigned(
            Certificate.PrivateKey(key), name: "Testudo token signer", now: clock.now, lifetime: 10 * 365 * 86_400)
        var serializer = DER.Serializer()
        guard (try? serializer.serialize(root)) != nil else {
            throw BrokerError(.failed, check: "token-key", "the token certificate cannot be made")
        }
        let certificate = try store.createSetting("token-certificate", serializer.serializedBytes)
        self.key = key
        self.lifetime = minutes * 60
        self.clock = clock
        var members = JSONWebKey(key.publicKey).json.objectValue ?? [:]
        members["x5c"] = .array([.string(Base64.encode(certificate))])
        publicKey = .object(members)
    }

    /// The key set for those who check tokens elsewhere.
    var keySet: JSONValue { .object(["keys": .array([publicKey])]) }

    /// Issues a token for a guest whose evidence was accepted.
    func issue(guest: AttestedGuest, submodule: JSONValue) throws(BrokerError) -> String {
        let now = clock.seconds
        let claims: JSONValue = .object([
            "eat_profile": .string(Self.profile), "iss": .string(Self.audience), "aud": .string(Self.audience),
            "iat": .integer(now), "exp": .integer(now + lifetime),
            "ear.verifier-id": .object(["developer": "https://testudo.dev", "build": "testudo-keybroker 0.1.0"]),
            "submods": .object(["cpu0": submodule]), "cnf": .object(["jwk": guest.encryptionKey]),
            "testudo": guest.claims,
        ])
        do {
            return try JWS.signES256(claims: claims, key: key, header: ["jwk": publicKey])
        } catch {
            throw BrokerError(.failed, check: "token", "the token cannot be signed")
        }
    }

    /// Checks a token that came back; answers the guest that it stands for.
    func guest(bearing token: String) throws(BrokerError) -> AttestedGuest {
        let claims: JSONValue
        do {
            claims = try JWS.verify(token, keys: [.es256(key.publicKey)]).payload
        } catch {
            throw refusal("token-signature", "the token was not issued by this broker")
        }
        let now = clock.seconds
        guard claims["aud"]?.stringValue == Self.audience else {
            throw refusal("token-aud", "the token is meant for another service")
        }
        guard let expiry = claims["exp"]?.integerValue, let issued = claims["iat"]?.integerValue else {
            throw refusal("token-exp", "the token has no exp or iat")
        }
        guard now < expiry else { throw refusal("token-exp", "the token has expired") }
        guard issued <= now + 60 else { throw refusal("token-iat", "the token is not valid yet") }
        let appraised = claims["submods"]?["cpu0"]?[Self.evidenceMember]?["runtime_data_claims"]?["tee-pubkey"]
        guard let confirmed = claims["cnf"]?["jwk"], confirmed == appraised else {
            throw refusal("token-cnf", "the token is not bound to the guest's key")
        }
        guard let member = claims["testudo"],
            let guest = try? AttestedGuest(claims: member, encryptionKey: confirmed)
        else { throw refusal("token-claims", "the token lacks the guest's claims") }
        return guest
    }

    private func refusal(_ check: String, _ detail: String) -> BrokerError {
        BrokerError(.tokenInvalid, check: check, detail)
    }
}
