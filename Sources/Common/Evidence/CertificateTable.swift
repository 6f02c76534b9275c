import WireFormat

/// The certificates that a host hands over beside an SNP report (GHCB specification, extended guest request).
///
/// Entries are {GUID, offset, length}, ended by an all-zero entry; GUIDs stand in the byte order of their text.
public struct CertificateTable: Sendable {
    /// The kinds of endorsement, by their names in evidence.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The certificate of the chip's key.
        case vcek = "VCEK"
        /// The certificate of a provider's key.
        case vlek = "VLEK"
        /// The intermediate authority; for a VLEK its own one.
        case ask = "ASK"
        /// The root.
        case ark = "ARK"
        /// The root's list of revoked certificates.
        case crl = "CRL"

        /// The GUID in a table.
        public var guid: [UInt8] {
            switch self {
            case .vcek: GUID.bytes(0x63da_758d, 0xe664, 0x4564, 0xadc5_f4b9_3be8_accd)
            case .ask: GUID.bytes(0x4ab7_b379, 0xbbac, 0x4fe4, 0xa02f_05ae_f327_c782)
            case .ark: GUID.bytes(0xc0b4_06a4, 0xa803, 0x4952, 0x9743_3fb6_014c_d0ae)
            case .vlek: GUID.bytes(0xa807_4bc2, 0xa25a, 0x483e, 0xaae6_39c0_45a0_b8a1)
            case .crl: GUID.bytes(0x92f8_1bc3, 0x5811, 0x4d3d, 0x97ff_d19f_88dc_67ea)
            }
        }
    }

    /// What the table holds, in DER.
    public let entries: [Kind: [UInt8]]
    /// The entries of known kinds as they stand in the table, in its order, DER or PEM.
    public let listing: [(kind: Kind, bytes: [UInt8])]

    private static let entryLimit = 16
    private static let sizeLimit = 128 * 1024

    /// Parses a table; entries of unknown kinds are passed over once their bounds are checked.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else { throw Self.refusal("exceeds \(Self.sizeLimit) bytes") }
        var reader = ByteReader(bytes)
        var entries: [Kind: [UInt8]] = [:]
        var listing: [(kind: Kind, bytes: [UInt8])] = []
        for _ in 0..<Self.entryLimit {
            let guid = try reader.bytes(16, "certificate table")
            let offset = Int(try reader.u32LE("certificate table"))
            let length = Int(try reader.u32LE("certificate table"))
            if guid.allSatisfy({ $0 == 0 }) {
                guard offset == 0, length == 0 else { throw Self.refusal("the last entry must be zero") }
                self.entries = entries
                self.listing = listing
                return
            }
            guard offset <= bytes.count, length <= bytes.count - offset else {
                throw Self.refusal("an entry lies outside of the table")
            }
            guard let kind = Kind.allCases.first(where: { $0.guid == guid }) else { continue }
            let entry = Array(bytes[offset..<offset + length])
            let der = try Self.der(of: entry, field: kind.rawValue)
            guard entries.updateValue(der, forKey: kind) == nil else {
                throw Self.refusal("\(kind.rawValue) comes twice")
            }
            listing.append((kind: kind, bytes: entry))
        }
        throw Self.refusal("has no end within \(Self.entryLimit) entries")
    }

    private static func refusal(_ reason: String) -> WireError { WireError(field: "certificate table", reason: reason) }

    /// The DER of a certificate that may stand in PEM armour, as some hosts deliver it.
    public static func der(of bytes: [UInt8], field: String) throws(WireError) -> [UInt8] {
        guard bytes.starts(with: Array("-----BEGIN ".utf8)) else { return bytes }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let end = lines.firstIndex(where: { $0.hasPrefix("-----END ") }), end > 0 else {
            throw WireError(field: field, reason: "PEM has no end line")
        }
        return try Base64.decode(lines[1..<end].joined(), field: field)
    }
}
