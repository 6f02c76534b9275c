import Crypto
import Envelope
import Foundation
import SealedStorage
import SwiftASN1
import Verifier
import WireFormat
import X509

/// Issues and checks the broker's attestation tokens: results of the verifier with what the broker knows of the guest.
///
/// Keys are made at first start and kept sealed, so that tokens outlive a restart. A key signs for some days; the next one
/// takes over by itself, or when an administrator says so. Checking uses the broker's own keys only; the one in a token's
/// header is for others.
final class TokenAuthority: Sendable {
    private let issuer: AttestationTokenIssuer
    private let store: BrokerStore
    private let clock: BrokerClock
    private let algorithm: TokenSigningKey.Algorithm
    /// How long one key signs, in seconds.
    private let keyLifetime: Int64
    /// How long after a rotation the key of before may still sign, in seconds: at replicas that have not seen it yet.
    private let overlap: Int64

    /// The `aud` of each token, and its `iss` where the configuration names no other.
    static let audience = "testudo-keybroker"
    private static let setting = "token-keys"
    private static let evidenceMember = "ear.veraison.annotated-evidence"

    init(
        store: BrokerStore, minutes: Int64, algorithm: TokenSigningKey.Algorithm = .es256, keyDays: Int64 = 30,
        issuer name: String = TokenAuthority.audience, overlap: Int64 = 0, clock: BrokerClock
    ) async throws(BrokerError) {
        let keyring: TokenKeyring
        do {
            let first = TokenKeyring(
                try Self.newKey(algorithm, clock), since: clock.seconds, lifetime: minutes * 60)
            let stored = try await store.createSetting(Self.setting, first.sealedForm.canonicalBytes)
            keyring = try TokenKeyring(restoring: try JSONValue.parse(stored), lifetime: minutes * 60)
        } catch let error as BrokerError {
            throw error
        } catch {
            throw Self.damaged
        }
        self.store = store
        self.clock = clock
        self.algorithm = algorithm
        keyLifetime = keyDays * 86_400
        self.overlap = overlap
        issuer = AttestationTokenIssuer(keyring: keyring, issuer: name, build: "testudo-keybroker 0.1.0")
        if keyring.current.algorithm != algorithm { _ = try await rotate() }
    }

    private static func newKey(
        _ algorithm: TokenSigningKey.Algorithm, _ clock: BrokerClock
    ) throws(BrokerError) -> TokenSigningKey {
        let key = TokenSigningKey(algorithm)
        let signer: Certificate.PrivateKey?
        switch algorithm {
        case .es256:
            signer = (try? P256.Signing.PrivateKey(rawRepresentation: key.secret)).map { Certificate.PrivateKey($0) }
        case .es384:
            signer = (try? P384.Signing.PrivateKey(rawRepresentation: key.secret)).map { Certificate.PrivateKey($0) }
        }
        guard let signer else { throw BrokerError(.failed, check: "token-key", "a token key cannot be made") }
        let root = try IssuingRoot.selfSigned(
            signer, name: "Testudo token signer", now: clock.now, lifetime: 10 * 365 * 86_400)
        var serializer = DER.Serializer()
        guard (try? serializer.serialize(root)) != nil else {
            throw BrokerError(.failed, check: "token-key", "the token certificate cannot be made")
        }
        return key.certified(by: [serializer.serializedBytes])
    }

    /// Lets a new key sign from now on; answers its name.
    func rotate() async throws(BrokerError) -> String {
        let key = try Self.newKey(algorithm, clock)
        let entry = EntryFamily.setting[Self.setting]
        let (now, lifetime, overlap) = (clock.seconds, issuer.keyring.lifetime, overlap)
        let form = try await store.transact([entry]) { (transaction) throws(BrokerError) in
            // From what is stored, since another replica may have rotated a moment ago.
            guard let stored = try transaction.entry(entry),
                let keyring = try? TokenKeyring(restoring: try JSONValue.parse(stored.value), lifetime: lifetime)
            else { throw Self.damaged }
            keyring.rotate(to: key, now: now, overlap: overlap)
            transaction.put(entry, keyring.sealedForm.canonicalBytes)
            return keyring.sealedForm
        }
        try restore(form)
        return key.identifier
    }

    /// Lets a new key sign and forgets all others: tokens that they signed end at once.
    func replaceAll() async throws(BrokerError) -> String {
        let key = try Self.newKey(algorithm, clock)
        let form = TokenKeyring(key, since: clock.seconds, lifetime: issuer.keyring.lifetime).sealedForm
        try await store.replaceSetting(Self.setting, form.canonicalBytes)
        try restore(form)
        return key.identifier
    }

    /// Takes in the keys of the store, which another replica may have rotated.
    func reload() async throws(BrokerError) {
        guard let stored = try await store.setting(Self.setting), let form = try? JSONValue.parse(stored) else {
            throw Self.damaged
        }
        try restore(form)
    }

    private func restore(_ form: JSONValue) throws(BrokerError) {
        do {
            try issuer.keyring.restore(form)
        } catch {
            throw Self.damaged
        }
    }

    private static let damaged = BrokerError(.failed, check: "token-key", "the stored token keys are damaged")

    /// The key set for those who check tokens elsewhere.
    var keySet: JSONValue { issuer.keyring.keySet(now: clock.seconds) }

    /// Where a guest's token counts.
    enum Reach: Sendable {
        /// Wherever somebody trusts this broker's keys.
        case everywhere
        /// Nowhere: its guest has the session's cookie alone. Clients expect a token in the answer all the same; it is signed by
        /// a key that is made for it and forgotten, and meant for nobody.
        case session
    }

    /// The `aud` of tokens that count nowhere.
    static let noAudience = "session-only"

    /// Whether a token names one of the keys that are known here, or none.
    func knowsKey(of token: String) -> Bool {
        guard let name = (try? JWS.unverifiedHeader(token))?["kid"] else { return true }
        return keySet["keys"]?.arrayValue?.contains { $0["kid"] == name } ?? false
    }

    /// Issues a token for a guest whose evidence was accepted.
    func issue(
        guest: AttestedGuest, submodule: JSONValue, _ reach: Reach = .everywhere
    ) async throws(BrokerError) -> String {
        let now = clock.seconds
        if now - issuer.keyring.since >= keyLifetime { _ = try await rotate() }
        var issuer = issuer
        if reach == .session {
            let forgotten = TokenKeyring(TokenSigningKey(algorithm), since: now, lifetime: issuer.keyring.lifetime)
            issuer = AttestationTokenIssuer(
                keyring: forgotten, issuer: issuer.issuer, developer: issuer.developer, build: issuer.build)
        }
        let audience = reach == .session ? Self.noAudience : Self.audience
        do {
            return try issuer.issue(
                submodules: .object(["cpu0": submodule]),
                more: [
                    "aud": .string(audience), "cnf": .object(["jwk": guest.encryptionKey]),
                    "testudo": guest.claims,
                ], now: now)
        } catch {
            throw BrokerError(.failed, check: "token", "the token cannot be signed")
        }
    }

    /// Checks a token that came back; answers what it says and the guest that it stands for.
    func bearer(of token: String) throws(BrokerError) -> BearerClaims {
        let claims: JSONValue
        do {
            claims = try issuer.keyring.claims(of: token, now: clock.seconds)
        } catch {
            throw refusal("token-\(error.field)", error.reason)
        }
        guard claims["aud"]?.stringValue == Self.audience else {
            throw refusal("token-aud", "the token is meant for another service")
        }
        let appraised = claims["submods"]?["cpu0"]?[Self.evidenceMember]?["runtime_data_claims"]?["tee-pubkey"]
        guard let confirmed = claims["cnf"]?["jwk"], confirmed == appraised else {
            throw refusal("token-cnf", "the token is not bound to the guest's key")
        }
        guard let member = claims["testudo"],
            let guest = try? AttestedGuest(claims: member, encryptionKey: confirmed)
        else { throw refusal("token-claims", "the token lacks the guest's claims") }
        return BearerClaims(
            claims: claims, encryptionKey: confirmed, guest: guest, issuer: claims["iss"]?.stringValue ?? "")
    }

    private func refusal(_ check: String, _ detail: String) -> BrokerError {
        BrokerError(.tokenInvalid, check: check, detail)
    }
}
