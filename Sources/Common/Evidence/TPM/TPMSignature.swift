import WireFormat

/// A TPM's signature (TPM 2.0 Part 2, TPMT_SIGNATURE), of the schemes that attestation keys use.
public enum TPMSignature: Equatable, Sendable {
    /// RSASSA-PKCS1-v1_5.
    case rsaSSA(hash: TPMHash, bytes: [UInt8])
    /// RSASSA-PSS.
    case rsaPSS(hash: TPMHash, bytes: [UInt8])
    /// ECDSA; both numbers big-endian and without leading zeros if the TPM cut them.
    case ecdsa(hash: TPMHash, r: [UInt8], s: [UInt8])

    private static let rsaSSAIdentifier: UInt16 = 0x0014
    private static let rsaPSSIdentifier: UInt16 = 0x0016
    private static let ecdsaIdentifier: UInt16 = 0x0018
    private static let sizeLimit = 4096

    /// The hash of the scheme; a quote's PCR digest uses it too, whatever the bank.
    public var hash: TPMHash {
        switch self {
        case .rsaSSA(let hash, _), .rsaPSS(let hash, _), .ecdsa(let hash, _, _): hash
        }
    }

    /// The scheme's name in claims.
    public var schemeName: String {
        switch self {
        case .rsaSSA: "RSASSA"
        case .rsaPSS: "RSAPSS"
        case .ecdsa: "ECDSA"
        }
    }

    /// Parses a TPMT_SIGNATURE; nothing may follow it.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "TPMT_SIGNATURE", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var reader = ByteReader(bytes)
        let scheme = try reader.u16BE("signature algorithm")
        guard [Self.rsaSSAIdentifier, Self.rsaPSSIdentifier, Self.ecdsaIdentifier].contains(scheme) else {
            throw WireError(field: "signature algorithm", reason: "at byte 0 is not RSASSA, RSAPSS or ECDSA")
        }
        guard let hash = TPMHash(rawValue: try reader.u16BE("signature hash")) else {
            throw WireError(field: "signature hash", reason: "at byte 2 is not known")
        }
        switch scheme {
        case Self.ecdsaIdentifier:
            let r = try reader.sized16BE("signature R")
            self = .ecdsa(hash: hash, r: r, s: try reader.sized16BE("signature S"))
        case Self.rsaPSSIdentifier: self = .rsaPSS(hash: hash, bytes: try reader.sized16BE("signature"))
        default: self = .rsaSSA(hash: hash, bytes: try reader.sized16BE("signature"))
        }
        try reader.finish()
    }

    /// The TPMT_SIGNATURE as bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .rsaSSA(let hash, let bytes):
            writer.u16BE(Self.rsaSSAIdentifier)
            writer.u16BE(hash.rawValue)
            writer.sized16BE(bytes)
        case .rsaPSS(let hash, let bytes):
            writer.u16BE(Self.rsaPSSIdentifier)
            writer.u16BE(hash.rawValue)
            writer.sized16BE(bytes)
        case .ecdsa(let hash, let r, let s):
            writer.u16BE(Self.ecdsaIdentifier)
            writer.u16BE(hash.rawValue)
            writer.sized16BE(r)
            writer.sized16BE(s)
        }
        return writer.bytes
    }
}
