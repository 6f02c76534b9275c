import Crypto
import CryptoExtras
import WireFormat

/// A public key in the form of RFC 7517: an elliptic-curve or an RSA key.
public struct JSONWebKey: Equatable, Sendable {
    /// The curves of the key broker protocol; P-384 is not among them.
    public enum Curve: String, Sendable {
        /// NIST P-256.
        case p256 = "P-256"
        /// NIST P-521.
        case p521 = "P-521"

        /// The length of one coordinate.
        public var coordinateBytes: Int { self == .p256 ? 32 : 66 }
    }

    /// The key itself.
    public enum Material: Equatable, Sendable {
        /// A point that was checked to lie on the curve.
        case elliptic(Curve, x: [UInt8], y: [UInt8])
        /// Modulus (2048 to 8192 bits) and exponent.
        case rsa(modulus: [UInt8], exponent: [UInt8])
    }

    /// The key itself.
    public let material: Material
    /// The `alg` member, if there is one.
    public let algorithm: String?

    /// Reads a public key. Members that say nothing about the key itself are ignored, as RFC 7517 demands.
    ///
    /// - Throws: `WireError` for unknown kinds, points off the curve, short RSA keys, and for private keys: whoever sends
    ///   one of those made a mistake that must not stay unnoticed.
    public init(parsing value: JSONValue) throws(WireError) {
        var fields = try JSONFields(value, path: "jwk")
        if value["d"] != nil || value["k"] != nil {
            throw fields.refusal("d", "a public key must not hold private parts")
        }
        algorithm = try fields.optionalString("alg")
        let kind = try fields.string("kty")
        func number(_ name: String) throws(WireError) -> [UInt8] {
            try Base64.decodeURL(try fields.string(name), field: fields.path(name))
        }
        switch kind {
        case "EC":
            guard let curve = Curve(rawValue: try fields.string("crv")) else {
                throw fields.refusal("crv", "must be P-256 or P-521")
            }
            let (x, y) = (try number("x"), try number("y"))
            for (name, coordinate) in [("x", x), ("y", y)] where coordinate.count != curve.coordinateBytes {
                throw fields.refusal(name, "must have \(curve.coordinateBytes) bytes on \(curve.rawValue)")
            }
            guard Self.isOnCurve(curve, x + y) else {
                throw fields.refusal("x", "is with y no point of \(curve.rawValue)")
            }
            material = .elliptic(curve, x: x, y: y)
        case "RSA":
            let (modulus, exponent) = (try number("n"), try number("e"))
            try Self.checkRSA(modulus, exponent, fields)
            material = .rsa(modulus: modulus, exponent: exponent)
        default: throw fields.refusal("kty", "must be EC or RSA")
        }
    }

    /// What every RSA key has; a library that computes with less does so without a word.
    static func checkRSA(_ modulus: [UInt8], _ exponent: [UInt8], _ fields: JSONFields) throws(WireError) {
        guard (256...1024).contains(modulus.count), modulus[0] >= 0x80 else {
            throw fields.refusal("n", "must have 2048 to 8192 bits and no leading zeros")
        }
        guard modulus[modulus.count - 1] & 1 == 1 else { throw fields.refusal("n", "is even") }
        guard (1...4).contains(exponent.count), exponent[0] != 0 else {
            throw fields.refusal("e", "must have 1 to 4 bytes and no leading zeros")
        }
        guard exponent[exponent.count - 1] & 1 == 1 else { throw fields.refusal("e", "is even") }
        guard exponent != [1] else { throw fields.refusal("e", "is 1, which encrypts nothing") }
        guard (try? _RSA.Encryption.PublicKey(n: modulus, e: exponent)) != nil else {
            throw fields.refusal("n", "is no RSA key")
        }
    }

    /// Demands that answers of the key broker can be sealed to the key: its kind and its `alg` have to agree.
    ///
    /// - Parameter allowsPadding15: Whether the key may call itself `RSA1_5`, as guests of the protocol's first versions
    ///   do. They open RSA-OAEP as well, which is what they are given.
    public func requireRecipient(allowsPadding15: Bool = false) throws(WireError) {
        let wanted: String
        switch material {
        case .elliptic: wanted = JWE.agreement
        case .rsa: wanted = JWE.transport
        }
        guard let algorithm, algorithm != wanted else { return }
        if case .rsa = material, allowsPadding15, ["RSA1_5", "RSA-OAEP"].contains(algorithm) { return }
        let kind = wanted == JWE.agreement ? "an elliptic-curve" : "an RSA"
        throw WireError(field: "jwk.alg", reason: "must be \(wanted) for \(kind) key")
    }

    /// Wraps a P-256 key.
    public init(_ key: P256.KeyAgreement.PublicKey, algorithm: String? = "ECDH-ES+A256KW") {
        let point = Array(key.rawRepresentation)
        material = .elliptic(.p256, x: Array(point[..<32]), y: Array(point[32...]))
        self.algorithm = algorithm
    }

    /// Wraps a P-256 key for signatures.
    public init(_ key: P256.Signing.PublicKey, algorithm: String? = "ES256") {
        let point = Array(key.rawRepresentation)
        material = .elliptic(.p256, x: Array(point[..<32]), y: Array(point[32...]))
        self.algorithm = algorithm
    }

    private static func isOnCurve(_ curve: Curve, _ point: [UInt8]) -> Bool {
        switch curve {
        case .p256: (try? P256.KeyAgreement.PublicKey(rawRepresentation: point)) != nil
        case .p521: (try? P521.KeyAgreement.PublicKey(rawRepresentation: point)) != nil
        }
    }

    /// The key as JSON, with `alg` if known.
    public var json: JSONValue {
        var members = required
        if let algorithm { members["alg"] = .string(algorithm) }
        return .object(members)
    }

    /// The members that define the key, which are also those of its thumbprint (RFC 7638).
    private var required: [String: JSONValue] {
        switch material {
        case .elliptic(let curve, let x, let y):
            [
                "kty": "EC", "crv": .string(curve.rawValue), "x": .string(Base64.encodeURL(x)),
                "y": .string(Base64.encodeURL(y)),
            ]
        case .rsa(let modulus, let exponent):
            ["kty": "RSA", "n": .string(Base64.encodeURL(modulus)), "e": .string(Base64.encodeURL(exponent))]
        }
    }

    /// The SHA-256 thumbprint of RFC 7638.
    public var thumbprint: SHA256Digest { SHA256Digest(hashing: JSONValue.object(required).canonicalBytes) }

    /// The key for agreement on P-256.
    public func p256Agreement() throws(EnvelopeError) -> P256.KeyAgreement.PublicKey {
        guard case .elliptic(.p256, let x, let y) = material,
            let key = try? P256.KeyAgreement.PublicKey(rawRepresentation: x + y)
        else { throw EnvelopeError("not a P-256 key") }
        return key
    }

    /// The key for checking ES256 signatures.
    public func p256Signing() throws(EnvelopeError) -> P256.Signing.PublicKey {
        guard case .elliptic(.p256, let x, let y) = material,
            let key = try? P256.Signing.PublicKey(rawRepresentation: x + y)
        else { throw EnvelopeError("not a P-256 key") }
        return key
    }
}
