import Crypto
import Envelope
import Foundation
import WireFormat

/// The secret half of one version, checked to be a key of its kind.
struct KeyMaterial: Sendable {
    let kind: KeyKind
    let secret: SecretBytes
    /// The public half; nil for secret keys.
    let publicKey: [UInt8]?

    /// Makes a new key.
    static func generate(_ kind: KeyKind) throws(KeyFailure) -> KeyMaterial {
        switch kind {
        case .ecdsaP256: try KeyMaterial(kind, SecretBytes(wiping: P256.Signing.PrivateKey().rawRepresentation))
        case .ecdsaP384: try KeyMaterial(kind, SecretBytes(wiping: P384.Signing.PrivateKey().rawRepresentation))
        default: try KeyMaterial(kind, SecretBytes(random: kind.sizes.lowerBound))
        }
    }

    /// Takes a key from outside: sizes must fit, scalars must lie between 0 and the order, and a key is not one byte repeated.
    init(_ kind: KeyKind, _ secret: SecretBytes) throws(KeyFailure) {
        guard kind.sizes.contains(secret.count) else {
            let sizes = kind.sizes
            let wanted = sizes.count == 1 ? "\(sizes.lowerBound)" : "\(sizes.lowerBound) to \(sizes.upperBound)"
            throw KeyFailure(
                .malformed, "material", "a key of kind \(kind.rawValue) has \(wanted) bytes, not \(secret.count)")
        }
        let isConstant = secret.withBytes { bytes in bytes.allSatisfy { $0 == bytes[0] } }
        // HMAC's published vectors have such keys; for everything else they are a mistake, mostly a buffer of zeros.
        guard !isConstant || secret.count > 64 else {
            throw KeyFailure(.malformed, "material", "is one byte repeated, which is no key")
        }
        self.kind = kind
        self.secret = secret
        do {
            publicKey =
                switch kind {
                case .ecdsaP256: Array(try Self.p256(secret).publicKey.rawRepresentation)
                case .ecdsaP384: Array(try Self.p384(secret).publicKey.rawRepresentation)
                case .ed25519: Array(try Self.ed25519(secret).publicKey.rawRepresentation)
                default: nil
                }
        } catch {
            throw KeyFailure(.malformed, "material", "is no private key of kind \(kind.rawValue)")
        }
    }

    static func p256(_ secret: SecretBytes) throws -> P256.Signing.PrivateKey {
        try secret.withBytes { try P256.Signing.PrivateKey(rawRepresentation: $0) }
    }

    static func p384(_ secret: SecretBytes) throws -> P384.Signing.PrivateKey {
        try secret.withBytes { try P384.Signing.PrivateKey(rawRepresentation: $0) }
    }

    static func ed25519(_ secret: SecretBytes) throws -> Curve25519.Signing.PrivateKey {
        try secret.withBytes { try Curve25519.Signing.PrivateKey(rawRepresentation: $0) }
    }

    /// The key for ciphers and HMAC.
    var symmetric: SymmetricKey { secret.withBytes { SymmetricKey(data: $0) } }

    /// Reads a private or secret JWK (RFC 7517) that is a key of `kind` and says nothing else.
    init(jwk: JSONValue, kind: KeyKind) throws(KeyFailure) {
        do throws(WireError) {
            try self.init(kind, members: try Self.members(jwk, kind))
        } catch {
            throw KeyFailure(error)
        }
    }

    private init(
        _ kind: KeyKind, members: (secret: SecretBytes, publicKey: [UInt8]?)
    ) throws(WireError) {
        do {
            try self.init(kind, members.secret)
        } catch {
            throw WireError(field: "jwk", reason: error.reason)
        }
        guard members.publicKey == publicKey else {
            throw WireError(field: "jwk.x", reason: "is not the public half of the private key")
        }
    }

    private static func members(
        _ jwk: JSONValue, _ kind: KeyKind
    ) throws(WireError) -> (secret: SecretBytes, publicKey: [UInt8]?) {
        var fields = try JSONFields(jwk, path: "jwk")
        if let algorithm = try fields.optionalString("alg"), !kind.algorithms.contains(algorithm) {
            throw fields.refusal("alg", "is not that of a key of kind \(kind.rawValue)")
        }
        let isSignature = kind.isAsymmetric || kind.operations.contains(.mac)
        if let use = try fields.optionalString("use"), use != (isSignature ? "sig" : "enc") {
            throw fields.refusal("use", "is not that of a key of kind \(kind.rawValue)")
        }
        let (type, curve): (String, String?) =
            switch kind {
            case .ecdsaP256: ("EC", "P-256")
            case .ecdsaP384: ("EC", "P-384")
            case .ed25519: ("OKP", "Ed25519")
            default: ("oct", nil)
            }
        guard try fields.string("kty") == type else {
            throw fields.refusal("kty", "must be \(type) for a key of kind \(kind.rawValue)")
        }
        func number(_ name: String) throws(WireError) -> [UInt8] {
            try Base64.decodeURL(try fields.string(name), field: fields.path(name))
        }
        guard let curve else { return (SecretBytes(try number("k")), nil) }
        guard try fields.string("crv") == curve else {
            throw fields.refusal("crv", "must be \(curve) for a key of kind \(kind.rawValue)")
        }
        let secret = SecretBytes(try number("d"))
        let x = try number("x")
        return (secret, type == "EC" ? x + (try number("y")) : x)
    }
}

/// The public half of a key's version.
public struct KeyPublic: Sendable, Equatable {
    /// The kind.
    public let kind: KeyKind
    /// The version.
    public let version: UInt32
    let bytes: [UInt8]

    /// The key as a JWK with `kid` as `namespace/name/version`.
    public func jwk(name: KeyName) -> JSONValue {
        let kid = JSONValue.string("\(name)/\(version)")
        let half = bytes.count / 2
        func elliptic(_ curve: String, _ algorithm: String) -> JSONValue {
            .object([
                "kty": "EC", "crv": .string(curve), "alg": .string(algorithm), "use": "sig", "kid": kid,
                "x": .string(Base64.encodeURL(bytes[..<half])), "y": .string(Base64.encodeURL(bytes[half...])),
            ])
        }
        return switch kind {
        case .ecdsaP256: elliptic("P-256", "ES256")
        case .ecdsaP384: elliptic("P-384", "ES384")
        default:
            .object([
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid,
                "x": .string(Base64.encodeURL(bytes)),
            ])
        }
    }
}

extension SecretBytes {
    /// Copies `data` and overwrites it.
    convenience init(wiping data: consuming Data) {
        var taken = data
        self.init(taken: &taken)
    }

    private convenience init(taken: inout Data) {
        self.init(Array(taken))
        taken.resetBytes(in: taken.startIndex..<taken.endIndex)
    }
}
