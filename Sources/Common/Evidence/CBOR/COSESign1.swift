import WireFormat

/// A message with one signature (RFC 9052, COSE_Sign1).
public struct COSESign1: Equatable, Sendable {
    /// The signature algorithms that are understood, by their COSE identifiers.
    public enum Algorithm: Int64, Sendable {
        /// ECDSA with SHA-256.
        case es256 = -7
        /// ECDSA with SHA-384.
        case es384 = -35
        /// ECDSA with SHA-512.
        case es512 = -36
        /// EdDSA, here with Ed25519.
        case edDSA = -8
    }

    /// The protected header as it is signed.
    public var protected: [UInt8]
    /// The header that nothing protects.
    public var unprotected: CBORValue
    /// The message.
    public var payload: [UInt8]
    /// The signature: r and s, big-endian.
    public var signature: [UInt8]
    /// The algorithm that the protected header names.
    public let algorithm: Algorithm
    /// The protected header as it was parsed.
    public let header: CBORValue

    private static let tag: UInt64 = 18

    /// Parses a tagged message.
    public init(parsing bytes: [UInt8], _ field: String) throws(WireError) {
        guard case .tagged(Self.tag, .array(let parts)) = try CBORValue(parsing: bytes, field), parts.count == 4,
            let protected = parts[0].byteString, case .map = parts[1], let payload = parts[2].byteString,
            let signature = parts[3].byteString
        else { throw WireError(field: field, reason: "is not a COSE_Sign1 message") }
        let header = try CBORValue(parsing: protected, "\(field) header")
        guard let algorithm = header[1]?.integer.flatMap(Algorithm.init(rawValue:)) else {
            throw WireError(field: "\(field) header", reason: "names no algorithm that is known")
        }
        // A critical header (2) that is not understood makes a message void.
        guard header[2] == nil else { throw WireError(field: "\(field) header", reason: "has critical members") }
        self.protected = protected
        unprotected = parts[1]
        self.payload = payload
        self.signature = signature
        self.algorithm = algorithm
        self.header = header
    }

    /// What the signature covers.
    public var signedBytes: [UInt8] {
        CBORValue.array([.text("Signature1"), .bytes(protected), .bytes([]), .bytes(payload)]).bytes
    }

    /// The message as bytes.
    public var bytes: [UInt8] {
        CBORValue.tagged(Self.tag, .array([.bytes(protected), unprotected, .bytes(payload), .bytes(signature)])).bytes
    }
}
