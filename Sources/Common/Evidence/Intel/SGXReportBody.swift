import WireFormat

/// What the processor says of an enclave (SGX REPORTBODY): of the quoted one, and of the quoting enclave itself.
///
/// It is kept as its 384 bytes, reserved ones included; the members read from them.
public struct SGXReportBody: Equatable, Sendable {
    /// The length in bytes.
    public static let length = 384
    /// The body as it stands in the quote.
    public let bytes: [UInt8]

    /// Takes exactly 384 bytes.
    public init(bytes: [UInt8]) throws(WireError) {
        guard bytes.count == Self.length else {
            throw WireError(field: "SGX report", reason: "must be \(Self.length) bytes, not \(bytes.count)")
        }
        self.bytes = bytes
    }

    private func part(_ offset: Int, _ count: Int) -> [UInt8] { Array(bytes[offset..<offset + count]) }
    private func number(_ offset: Int) -> UInt16 { UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8 }

    /// The processor's security version (16 bytes).
    public var cpuSVN: [UInt8] { part(0, 16) }
    /// The extended state that is saved (4 bytes).
    public var miscSelect: [UInt8] { part(16, 4) }
    /// The extended product number (16 bytes).
    public var extendedProductID: [UInt8] { part(32, 16) }
    /// The attributes: eight bytes of flags, eight bytes of XFRM.
    public var attributes: [UInt8] { part(48, 16) }
    /// The measurement of what the enclave was built from (32 bytes).
    public var mrEnclave: [UInt8] { part(64, 32) }
    /// SHA-256 of the key that signed the enclave (32 bytes).
    public var mrSigner: [UInt8] { part(128, 32) }
    /// The configuration's identity (64 bytes).
    public var configurationID: [UInt8] { part(192, 64) }
    /// The product number.
    public var productID: UInt16 { number(256) }
    /// The enclave's security version.
    public var isvSVN: UInt16 { number(258) }
    /// The configuration's security version.
    public var configurationSVN: UInt16 { number(260) }
    /// The product family (16 bytes).
    public var familyID: [UInt8] { part(304, 16) }
    /// What the enclave put in (64 bytes).
    public var reportData: [UInt8] { part(320, 64) }
    /// The reserved bytes, in four runs of 12, 32, 32 and 42.
    public var reserved: [[UInt8]] { [part(20, 12), part(96, 32), part(160, 32), part(262, 42)] }
    /// Whether the host may read the enclave's memory.
    public var isDebug: Bool { bytes[48] & 0x02 != 0 }
}
