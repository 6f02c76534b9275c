import Crypto
import Envelope
import WireFormat

/// A key that signs attestation tokens, with the certificates that vouch for it.
public struct TokenSigningKey: Sendable {
    /// The signatures that tokens may have.
    public enum Algorithm: String, Sendable, CaseIterable {
        /// ECDSA on P-256 with SHA-256: the only one that trustee's tokens have.
        case es256 = "ES256"
        /// ECDSA on P-384 with SHA-384.
        case es384 = "ES384"
    }

    enum Key: Sendable {
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
    }

    let key: Key
    /// The certificates in DER, the key's own first; may be empty.
    public let certificates: [[UInt8]]

    /// Takes a P-256 key.
    public init(_ key: P256.Signing.PrivateKey, certificates: [[UInt8]] = []) {
        self.key = .p256(key)
        self.certificates = certificates
    }

    /// Takes a P-384 key.
    public init(_ key: P384.Signing.PrivateKey, certificates: [[UInt8]] = []) {
        self.key = .p384(key)
        self.certificates = certificates
    }

    /// Makes a new key.
    public init(_ algorithm: Algorithm) {
        switch algorithm {
        case .es256: self.init(P256.Signing.PrivateKey())
        case .es384: self.init(P384.Signing.PrivateKey())
        }
    }

    /// Reads the private number of a key, big-endian.
    public init(_ algorithm: Algorithm, secret: [UInt8], certificates: [[UInt8]] = []) throws(WireError) {
        switch algorithm {
        case .es256:
            guard let key = try? P256.Signing.PrivateKey(rawRepresentation: secret) else { throw Self.damaged }
            self.init(key, certificates: certificates)
        case .es384:
            guard let key = try? P384.Signing.PrivateKey(rawRepresentation: secret) else { throw Self.damaged }
            self.init(key, certificates: certificates)
        }
    }

    private static let damaged = WireError(field: "token key", reason: "is no key of its algorithm")

    /// The private number, big-endian: a secret.
    public var secret: [UInt8] {
        switch key {
        case .p256(let key): Array(key.rawRepresentation)
        case .p384(let key): Array(key.rawRepresentation)
        }
    }

    /// The same key with certificates.
    public func certified(by certificates: [[UInt8]]) -> TokenSigningKey {
        switch key {
        case .p256(let key): TokenSigningKey(key, certificates: certificates)
        case .p384(let key): TokenSigningKey(key, certificates: certificates)
        }
    }

    /// The signatures that it makes.
    public var algorithm: Algorithm {
        switch key {
        case .p256: .es256
        case .p384: .es384
        }
    }

    /// What tokens are checked with.
    var verificationKey: JWS.Key {
        switch key {
        case .p256(let key): .es256(key.publicKey)
        case .p384(let key): .es384(key.publicKey)
        }
    }

    /// The members that define the public key.
    private var required: [String: JSONValue] {
        let (curve, point): (String, [UInt8]) =
            switch key {
            case .p256(let key): ("P-256", Array(key.publicKey.rawRepresentation))
            case .p384(let key): ("P-384", Array(key.publicKey.rawRepresentation))
            }
        let half = point.count / 2
        return [
            "kty": "EC", "crv": .string(curve), "x": .string(Base64.encodeURL(point[..<half])),
            "y": .string(Base64.encodeURL(point[half...])),
        ]
    }

    /// The key's name: the SHA-256 thumbprint of RFC 7638 in base64url.
    public var identifier: String {
        Base64.encodeURL(SHA256Digest(hashing: JSONValue.object(required).canonicalBytes).bytes)
    }

    /// The public key as a JWK with algorithm, name and certificates.
    public var publicKey: JSONValue {
        var members = required
        members["alg"] = .string(algorithm.rawValue)
        members["kid"] = .string(identifier)
        if !certificates.isEmpty { members["x5c"] = .array(certificates.map { .string(Base64.encode($0)) }) }
        return .object(members)
    }

    /// A signed token. The header names the key, and holds it for those who ask for no more.
    func sign(_ claims: JSONValue) throws(EnvelopeError) -> String {
        var shown = publicKey.objectValue ?? [:]
        shown["kid"] = nil
        let header: [String: JSONValue] = ["jwk": .object(shown), "kid": .string(identifier)]
        switch key {
        case .p256(let key): return try JWS.signES256(claims: claims, key: key, header: header)
        case .p384(let key): return try JWS.signES384(claims: claims, key: key, header: header)
        }
    }
}
