import Crypto
import CryptoExtras
import WireFormat

/// Compact JSON Web Signatures with ES256, ES384 and EdDSA (Ed25519), the algorithms of the protocols spoken here; those of
/// others are checked with RS256 and PS256 too.
///
/// The algorithm follows from the key. A header that names another one is refused, and so are critical extensions.
public enum JWS {
    /// A key that signatures are checked with.
    public enum Key: Sendable {
        /// P-256 with SHA-256.
        case es256(P256.Signing.PublicKey)
        /// P-384 with SHA-384.
        case es384(P384.Signing.PublicKey)
        /// Ed25519.
        case edDSA(Curve25519.Signing.PublicKey)
        /// RSA with SHA-256 and the padding of PKCS #1 1.5.
        case rs256(_RSA.Signing.PublicKey)
        /// RSA with SHA-256 and PSS.
        case ps256(_RSA.Signing.PublicKey)

        /// The only `alg` that signatures of this key may name.
        public var algorithm: String {
            switch self {
            case .es256: "ES256"
            case .es384: "ES384"
            case .edDSA: "EdDSA"
            case .rs256: "RS256"
            case .ps256: "PS256"
            }
        }
    }

    /// The longest signature accepted, in bytes; tokens of the protocol have some kilobytes.
    public static let maximumBytes = 256 << 10

    /// Signs claims with P-256. `header` is added to `alg` and `typ`, which it cannot replace.
    public static func signES256(
        claims: JSONValue, key: P256.Signing.PrivateKey, header: [String: JSONValue] = [:]
    ) throws(EnvelopeError) -> String {
        let signed = signingInput(claims, "ES256", header)
        guard let signature = try? key.signature(for: Array(signed.utf8)) else { throw EnvelopeError("cannot sign") }
        return "\(signed).\(Base64.encodeURL(Array(signature.rawRepresentation)))"
    }

    /// Signs claims with P-384. `header` is added to `alg` and `typ`, which it cannot replace.
    public static func signES384(
        claims: JSONValue, key: P384.Signing.PrivateKey, header: [String: JSONValue] = [:]
    ) throws(EnvelopeError) -> String {
        let signed = signingInput(claims, "ES384", header)
        guard let signature = try? key.signature(for: Array(signed.utf8)) else { throw EnvelopeError("cannot sign") }
        return "\(signed).\(Base64.encodeURL(Array(signature.rawRepresentation)))"
    }

    /// Signs claims with Ed25519. `header` is added to `alg` and `typ`, which it cannot replace.
    public static func signEdDSA(
        claims: JSONValue, key: Curve25519.Signing.PrivateKey, header: [String: JSONValue] = [:]
    ) throws(EnvelopeError) -> String {
        let signed = signingInput(claims, "EdDSA", header)
        guard let signature = try? key.signature(for: Array(signed.utf8)) else { throw EnvelopeError("cannot sign") }
        return "\(signed).\(Base64.encodeURL(Array(signature)))"
    }

    private static func signingInput(_ claims: JSONValue, _ algorithm: String, _ extra: [String: JSONValue]) -> String {
        let header = extra.merging(["alg": .string(algorithm), "typ": "JWT"]) { $1 }
        return Base64.encodeURL(JSONValue.object(header).canonicalBytes) + "." + Base64.encodeURL(claims.canonicalBytes)
    }

    /// Checks a signature against each key in turn.
    ///
    /// Times such as `exp` are the caller's business.
    ///
    /// - Returns: Header and payload, both genuine.
    public static func verify(
        _ compact: String, keys: [Key]
    ) throws(EnvelopeError) -> (header: JSONValue, payload: JSONValue) {
        let parts = try Parts(compact)
        for key in keys where parts.header["alg"]?.stringValue == key.algorithm && parts.isSigned(by: key) {
            guard let payload = try? JSONValue.parse(parts.payload) else {
                throw EnvelopeError("the signed payload is not JSON")
            }
            return (parts.header, payload)
        }
        throw EnvelopeError("the signature was made by none of the known keys")
    }

    /// The header of a signature that was not checked: good for choosing a key, for nothing else.
    public static func unverifiedHeader(_ compact: String) throws(EnvelopeError) -> JSONValue {
        try Parts(compact).header
    }

    private struct Parts {
        let header: JSONValue
        let payload: [UInt8]
        let signature: [UInt8]
        let signed: [UInt8]

        init(_ compact: String) throws(EnvelopeError) {
            guard compact.utf8.count <= JWS.maximumBytes else { throw EnvelopeError("the signature is too long") }
            let bytes = Array(compact.utf8)
            let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
            do {
                guard parts.count == 3 else { throw WireError(field: "jws", reason: "must have three parts") }
                header = try JSONValue.parse(try Base64.decodeURL(parts[0], field: "jws header"))
                payload = try Base64.decodeURL(parts[1], field: "jws payload")
                signature = try Base64.decodeURL(parts[2], field: "jws signature")
            } catch {
                throw EnvelopeError("not a compact signature: \(error)")
            }
            guard header.objectValue != nil, header["crit"] == nil, header["b64"] == nil else {
                throw EnvelopeError("the signature's header has critical extensions")
            }
            signed = Array(bytes[..<parts[1].endIndex])
        }

        func isSigned(by key: Key) -> Bool {
            switch key {
            case .es256(let key):
                guard let raw = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
                return key.isValidSignature(raw, for: signed)
            case .es384(let key):
                guard let raw = try? P384.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
                return key.isValidSignature(raw, for: signed)
            case .edDSA(let key): return key.isValidSignature(signature, for: signed)
            case .rs256(let key):
                return key.isValidSignature(
                    _RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA256.hash(data: signed),
                    padding: .insecurePKCS1v1_5)
            case .ps256(let key):
                return key.isValidSignature(
                    _RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA256.hash(data: signed),
                    padding: .PSS)
            }
        }
    }
}
