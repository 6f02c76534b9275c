import WireFormat

/// The first 48 bytes of an Intel quote (quote generation API, appendix A.3 and A.4), little-endian.
public struct QuoteHeader: Equatable, Sendable {
    /// What was quoted.
    public enum TEE: UInt32, Sendable {
        /// An enclave.
        case sgx = 0
        /// A trust domain.
        case tdx = 0x81
    }

    /// The length in bytes.
    public static let length = 48
    /// The identity of Intel's quoting enclaves (QE vendor), 16 bytes.
    public static let intelVendor: [UInt8] = [
        0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9, 0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07,
    ]
    /// The versions of the layout that are known.
    static let versions: ClosedRange<UInt16> = 3...5
    /// The one kind of attestation key: ECDSA on P-256. P-384 (3) is reserved.
    static let keyType: UInt16 = 2

    /// The version of the quote's layout: 3, 4 or 5.
    public var version: UInt16
    /// What was quoted; version 3 knows enclaves only.
    public var tee: TEE
    /// The quoting enclave's security version in version 3, reserved later.
    public var qeSVN: UInt16
    /// The security version of the provisioning enclave in version 3, reserved later.
    public var pceSVN: UInt16
    /// Who made the quoting enclave (16 bytes).
    public var vendorID: [UInt8]
    /// What the quoting enclave says of itself (20 bytes).
    public var userData: [UInt8]

    init(_ reader: inout ByteReader) throws(WireError) {
        version = try reader.u16LE("quote version")
        guard Self.versions.contains(version) else {
            throw WireError(field: "quote version", reason: "\(version) at byte 0 is not known")
        }
        guard try reader.u16LE("attestation key type") == Self.keyType else {
            throw WireError(field: "attestation key type", reason: "at byte 2 is not ECDSA on P-256")
        }
        let number = try reader.u32LE("TEE type")
        guard let tee = TEE(rawValue: number), version > 3 || tee == .sgx else {
            throw WireError(field: "TEE type", reason: "\(number) at byte 4 is not known in version \(version)")
        }
        self.tee = tee
        qeSVN = try reader.u16LE("QE SVN")
        pceSVN = try reader.u16LE("PCE SVN")
        vendorID = try reader.bytes(16, "QE vendor")
        userData = try reader.bytes(20, "user data")
    }

    /// The kind of the attestation key, as the number in the quote.
    public var attestationKeyType: UInt16 { Self.keyType }

    func write(to writer: inout ByteWriter) {
        writer.u16LE(version)
        writer.u16LE(Self.keyType)
        writer.u32LE(tee.rawValue)
        writer.u16LE(qeSVN)
        writer.u16LE(pceSVN)
        writer.append(vendorID)
        writer.append(userData)
    }
}
