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
    /// What tokens are checked with.
    let verificationKey: JWS.Key
    /// The key's name: the SHA-256 thumbprint of RFC 7638 in base64url.
    public let identifier: String
    /// The public key as a JWK with algorithm, name and certificates.
    public let publicKey: JSONValue
    /// What tokens say in their header: the key's name, and the key for those who ask for no more.
    private let header: [String: JSONValue]

    /// Takes a P-256 key.
    public init(_ key: P256.Signing.PrivateKey, certificates: [[UInt8]] = []) {
        self.init(.p256(key), certificates)
    }

    /// Takes a P-384 key.
    public init(_ key: P384.Signing.PrivateKey, certificates: [[UInt8]] = []) {
        self.init(.p384(key), certificates)
    }

    /// What follows from the key is made once: each token needs it.
    private init(_ key: Key, _ certificates: [[UInt8]]) {
        let (curve, point): (String, [UInt8])
        switch key {
        case .p256(let key):
            verificationKey = .es256(key.publicKey)
            (curve, point) = ("P-256", Array(key.publicKey.rawRepresentation))
        case .p384(let key):
            verificationKey = .es384(key.publicKey)
            (curve, point) = ("P-384", Array(key.publicKey.rawRepresentation))
        }
        let half = point.count / 2
        // The members that define the public key.
        var members: [String: JSONValue] = [
            "kty": "EC", "crv": .string(curve), "x": .string(Base64.encodeURL(point[..<half])),
            "y": .string(Base64.encodeURL(point[half...])),
        ]
        identifier = Base64.encodeURL(SHA256Digest(hashing: JSONValue.object(members).canonicalBytes).bytes)
        members["alg"] = .string(verificationKey.algorithm)
        if !certificates.isEmpty { members["x5c"] = .array(certificates.map { .string(Base64.encode($0)) }) }
        header = ["jwk": .object(members), "kid": .string(identifier)]
        members["kid"] = .string(identifier)
        publicKey = .object(members)
        self.key = key
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
        TokenSigningKey(key, certificates)
    }

    /// The signatures that it makes.
    public var algorithm: Algorithm {
        switch key {
        case .p256: .es256
        case .p384: .es384
        }
    }

    /// A signed token.
    func sign(_ claims: JSONValue) throws(EnvelopeError) -> String {
        switch key {
        case .p256(let key): return try JWS.signES256(claims: claims, key: key, header: header)
        case .p384(let key): return try JWS.signES384(claims: claims, key: key, header: header)
        }
    }
}
