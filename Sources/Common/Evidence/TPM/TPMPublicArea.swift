import WireFormat

/// The public part of a TPM's asymmetric key (TPM 2.0 Part 2, TPMT_PUBLIC).
///
/// ``bytes`` gives back exactly what was parsed. Keys of other kinds (keyed hash, symmetric) are refused: they sign nothing
/// that a verifier could check.
public struct TPMPublicArea: Equatable, Sendable {
    /// What a TPM may do with the key (TPMA_OBJECT).
    public struct Attributes: OptionSet, Equatable, Sendable {
        /// The 32 bits.
        public let rawValue: UInt32
        /// Takes the bits as they are.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The key cannot leave its TPM.
        public static let fixedTPM = Attributes(rawValue: 1 << 1)
        /// The key cannot move to another parent.
        public static let fixedParent = Attributes(rawValue: 1 << 4)
        /// The TPM made the key itself.
        public static let sensitiveDataOrigin = Attributes(rawValue: 1 << 5)
        /// The key signs nothing from outside that looks like the TPM's own words.
        public static let restricted = Attributes(rawValue: 1 << 16)
        /// The key decrypts.
        public static let decrypt = Attributes(rawValue: 1 << 17)
        /// The key signs.
        public static let sign = Attributes(rawValue: 1 << 18)

        /// What every attestation key must have.
        public static let attestationKey: Attributes = [
            .fixedTPM, .fixedParent, .sensitiveDataOrigin, .restricted, .sign,
        ]
    }

    /// An algorithm with the parameters that it takes, as they stand.
    public struct Scheme: Equatable, Sendable {
        /// The algorithm's identifier; 0x0010 for none.
        public var algorithm: UInt16
        /// Hash identifier, key size, mode or count, as the algorithm has them.
        public var parameters: [UInt16]

        /// Joins its parts.
        public init(algorithm: UInt16, parameters: [UInt16]) {
            self.algorithm = algorithm
            self.parameters = parameters
        }

        func write(to writer: inout ByteWriter) {
            writer.u16BE(algorithm)
            for parameter in parameters { writer.u16BE(parameter) }
        }
    }

    /// The key itself.
    public enum Key: Equatable, Sendable {
        /// An RSA key; exponent 0 means 65,537.
        case rsa(bits: UInt16, exponent: UInt32, modulus: [UInt8])
        /// A point on a curve, by the TCG's curve identifier.
        case ecc(curve: UInt16, keyDerivation: Scheme, x: [UInt8], y: [UInt8])
    }

    /// The hash of the key's name.
    public var nameAlgorithm: UInt16
    /// What the TPM may do with the key.
    public var attributes: Attributes
    /// The digest of the policy that authorises its use.
    public var policy: [UInt8]
    /// The symmetric algorithm, for keys that are parents.
    public var symmetric: Scheme
    /// The signing scheme that the key is bound to.
    public var scheme: Scheme
    /// The key.
    public var key: Key

    static let rsaType: UInt16 = 0x0001
    static let eccType: UInt16 = 0x0023
    private static let none: UInt16 = 0x0010
    private static let sizeLimit = 4096

    /// Parses a TPMT_PUBLIC; nothing may follow it.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "TPMT_PUBLIC", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var reader = ByteReader(bytes)
        let type = try reader.u16BE("key type")
        guard type == Self.rsaType || type == Self.eccType else {
            throw WireError(field: "key type", reason: "at byte 0 is neither RSA nor ECC")
        }
        nameAlgorithm = try reader.u16BE("nameAlg")
        attributes = Attributes(rawValue: try reader.u32BE("objectAttributes"))
        policy = try reader.sized16BE("authPolicy")
        // Block ciphers have key size and mode.
        symmetric = try Self.scheme(&reader, "symmetric") { _ in 2 }
        scheme = try Self.scheme(&reader, "scheme") { algorithm in
            switch algorithm {
            case 0x0015: 0  // RSAES has no parameters
            case 0x001A: 2  // ECDAA has a hash and a count
            default: 1
            }
        }
        if type == Self.rsaType {
            let bits = try reader.u16BE("keyBits")
            let exponent = try reader.u32BE("exponent")
            key = .rsa(bits: bits, exponent: exponent, modulus: try reader.sized16BE("modulus"))
        } else {
            let curve = try reader.u16BE("curveID")
            let derivation = try Self.scheme(&reader, "kdf") { _ in 1 }
            let x = try reader.sized16BE("point x")
            key = .ecc(curve: curve, keyDerivation: derivation, x: x, y: try reader.sized16BE("point y"))
        }
        try reader.finish()
    }

    private static func scheme(
        _ reader: inout ByteReader, _ field: String, parameterCount: (UInt16) -> Int
    ) throws(WireError) -> Scheme {
        let algorithm = try reader.u16BE(field)
        var parameters: [UInt16] = []
        if algorithm != none {
            for _ in 0..<parameterCount(algorithm) { parameters.append(try reader.u16BE(field)) }
        }
        return Scheme(algorithm: algorithm, parameters: parameters)
    }

    /// The TPMT_PUBLIC as bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        switch key {
        case .rsa: writer.u16BE(Self.rsaType)
        case .ecc: writer.u16BE(Self.eccType)
        }
        writer.u16BE(nameAlgorithm)
        writer.u32BE(attributes.rawValue)
        writer.sized16BE(policy)
        symmetric.write(to: &writer)
        scheme.write(to: &writer)
        switch key {
        case .rsa(let bits, let exponent, let modulus):
            writer.u16BE(bits)
            writer.u32BE(exponent)
            writer.sized16BE(modulus)
        case .ecc(let curve, let derivation, let x, let y):
            writer.u16BE(curve)
            derivation.write(to: &writer)
            writer.sized16BE(x)
            writer.sized16BE(y)
        }
        return writer.bytes
    }
}
