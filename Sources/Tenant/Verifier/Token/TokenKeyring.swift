import Crypto
import Envelope
import Synchronization
import WireFormat

/// The keys of attestation tokens: one that signs, and older ones until the last token that they signed has expired.
public final class TokenKeyring: Sendable {
    /// A key that signs no more.
    private struct Retired: Sendable {
        var key: TokenSigningKey
        /// When it stopped signing, in seconds since 1970.
        var since: Int64
        /// When its last token expires.
        var until: Int64
    }

    private struct Keys: Sendable {
        var current: TokenSigningKey
        /// Since when the current key signs.
        var since: Int64
        var retired: [Retired]

        var sealedForm: JSONValue {
            let current = Self.entry(current).merging(["since": .integer(since)]) { $1 }
            let retired = retired.map { old in
                JSONValue.object(
                    Self.entry(old.key).merging(["since": .integer(old.since), "until": .integer(old.until)]) { $1 })
            }
            return ["current": .object(current), "retired": .array(retired)]
        }

        private static func entry(_ key: TokenSigningKey) -> [String: JSONValue] {
            [
                "algorithm": .string(key.algorithm.rawValue), "secret": .string(Base64.encode(key.secret)),
                "certificates": .array(key.certificates.map { .string(Base64.encode($0)) }),
            ]
        }
    }

    private let keys: Mutex<Keys>
    private let checked = Mutex(CheckedSignatures())
    /// How long a token lasts, in seconds.
    public let lifetime: Int64

    private static let retiredLimit = 64

    /// Starts with one key.
    ///
    /// - Parameters:
    ///   - current: The key that signs.
    ///   - since: Since when, in seconds since 1970.
    ///   - lifetime: How long a token lasts, in seconds.
    public init(_ current: TokenSigningKey, since: Int64, lifetime: Int64) {
        keys = Mutex(Keys(current: current, since: since, retired: []))
        self.lifetime = lifetime
    }

    /// The key that signs.
    public var current: TokenSigningKey { keys.withLock(\.current) }

    /// Since when the current key signs, in seconds since 1970.
    public var since: Int64 { keys.withLock(\.since) }

    /// Lets `key` sign from now on; the former key stays known until its last token has expired.
    ///
    /// - Parameters:
    ///   - key: The new key.
    ///   - now: The present, in seconds since 1970.
    ///   - overlap: How much longer the former key may sign, in seconds: elsewhere, where the new one is not known yet.
    ///   - save: Stores ``sealedForm`` as it is going to be; when it throws, nothing changes.
    public func rotate<Failure: Error>(
        to key: TokenSigningKey, now: Int64, overlap: Int64 = 0, saving save: (JSONValue) throws(Failure) -> Void
    ) throws(Failure) {
        try keys.withLock { (keys) throws(Failure) in
            var next = keys
            next.retired = Array(
                keys.retired.filter { $0.until > now && $0.key.identifier != key.identifier }
                    .suffix(Self.retiredLimit - 1))
            if keys.current.identifier != key.identifier {
                next.retired.append(
                    Retired(key: keys.current, since: now + overlap, until: now + overlap + lifetime))
            }
            next.current = key
            next.since = now
            try save(next.sealedForm)
            keys = next
        }
    }

    /// The same for keys that are stored nowhere.
    public func rotate(to key: TokenSigningKey, now: Int64, overlap: Int64 = 0) {
        rotate(to: key, now: now, overlap: overlap) { _ in }
    }

    /// All keys whose tokens are still good, as a JWK set, the signing one first.
    public func keySet(now: Int64) -> JSONValue {
        keys.withLock { keys in
            let older = keys.retired.filter { $0.until > now }.reversed().map(\.key.publicKey)
            return ["keys": .array([keys.current.publicKey] + older)]
        }
    }

    /// Signs claims with the current key.
    func sign(_ claims: JSONValue) throws(EnvelopeError) -> String { try current.sign(claims) }

    /// The claims of a token that one of the keys signed, while it was the one that signs.
    ///
    /// - Throws: ``WireError`` naming the part that is wrong: `signature`, `exp` or `iat`.
    public func claims(of token: String, now: Int64) throws(WireError) -> JSONValue {
        let known = keys.withLock { keys in
            [(keys.current, Int64.max)] + keys.retired.filter { $0.until > now }.map { ($0.key, $0.since) }
        }
        let isKept = token.utf8.count <= CheckedSignatures.tokenLimit
        let digest = isKept ? SHA256.hash(data: Array(token.utf8)) : nil
        for (key, limit) in known {
            guard let claims = checkedClaims(of: token, digest, key) else { continue }
            guard let expiry = claims["exp"]?.integerValue, let issued = claims["iat"]?.integerValue else {
                throw WireError(field: "exp", reason: "the token has no exp or iat")
            }
            guard now < expiry else { throw WireError(field: "exp", reason: "the token has expired") }
            guard issued >= 0 else { throw WireError(field: "iat", reason: "the token was issued before 1970") }
            guard issued <= now + 60 else { throw WireError(field: "iat", reason: "the token is not valid yet") }
            // Whoever finds an old key makes no tokens with it that outlive those it made while it was in use.
            let (duration, overflows) = expiry.subtractingReportingOverflow(issued)
            guard issued <= limit, !overflows, duration <= lifetime else {
                throw WireError(field: "iat", reason: "the token was not issued while its key was in use")
            }
            return claims
        }
        throw WireError(field: "signature", reason: "the token was not issued by this service")
    }

    /// The claims of a token that `key` signed, whenever that was and however long it holds; nil when it did not.
    ///
    /// - Parameter digest: What the token is known by; nil for one that is not kept.
    private func checkedClaims(of token: String, _ digest: SHA256.Digest?, _ key: TokenSigningKey) -> JSONValue? {
        if let digest, let claims = checked.withLock({ $0.claims(digest, signedBy: key.identifier) }) { return claims }
        guard let claims = try? JWS.verify(token, keys: [key.verificationKey]).payload else { return nil }
        if let digest { checked.withLock { $0.note(digest, signedBy: key.identifier, claims) } }
        return claims
    }

    /// All keys with their secrets, for sealed storage.
    public var sealedForm: JSONValue { keys.withLock(\.sealedForm) }

    /// Restores what ``sealedForm`` gave.
    public init(restoring form: JSONValue, lifetime: Int64) throws(WireError) {
        keys = Mutex(try Self.keys(form))
        self.lifetime = lifetime
    }

    /// Takes the keys of ``sealedForm`` in place of its own.
    public func restore(_ form: JSONValue) throws(WireError) {
        let restored = try Self.keys(form)
        keys.withLock { $0 = restored }
    }

    private static func keys(_ form: JSONValue) throws(WireError) -> Keys {
        var fields = try JSONFields(form, path: "token keys")
        func key(_ fields: inout JSONFields) throws(WireError) -> TokenSigningKey {
            guard let algorithm = TokenSigningKey.Algorithm(rawValue: try fields.string("algorithm")) else {
                throw fields.refusal("algorithm", "is not known")
            }
            let secret = try Base64.decode(try fields.string("secret"), field: "token key")
            var certificates: [[UInt8]] = []
            for text in try fields.strings("certificates") {
                certificates.append(try Base64.decode(text, field: "token certificate"))
            }
            return try TokenSigningKey(algorithm, secret: secret, certificates: certificates)
        }
        var current = try fields.fields("current")
        var retired: [Retired] = []
        for element in try fields.array("retired") {
            var entry = try JSONFields(element, path: "token keys.retired")
            retired.append(
                Retired(
                    key: try key(&entry), since: try entry.integer("since"), until: try entry.integer("until")))
        }
        return Keys(current: try key(&current), since: try current.integer("since"), retired: retired)
    }
}
