import WireFormat

/// What the TDX module says of a trust domain (TDX module ABI, TDREPORT), in the layout that quotes carry.
///
/// It is kept as its bytes, 584 of TD 1.0 or 648 of TD 1.5; the members read from them.
public struct TDReport: Equatable, Sendable {
    /// The length of TD 1.0 in bytes.
    public static let length10 = 584
    /// The length of TD 1.5 in bytes.
    public static let length15 = 648
    /// The body as it stands in the quote.
    public let bytes: [UInt8]

    /// Takes exactly 584 or 648 bytes.
    public init(bytes: [UInt8]) throws(WireError) {
        guard bytes.count == Self.length10 || bytes.count == Self.length15 else {
            throw WireError(
                field: "TD report", reason: "must be \(Self.length10) or \(Self.length15) bytes, not \(bytes.count)")
        }
        self.bytes = bytes
    }

    private func part(_ offset: Int, _ count: Int) -> [UInt8] { Array(bytes[offset..<offset + count]) }

    /// Whether the body is that of TD 1.5.
    public var isTD15: Bool { bytes.count == Self.length15 }
    /// The security versions at the launch (16 bytes): module minor, module major, SEAM loader, …
    public var tcbSVN: [UInt8] { part(0, 16) }
    /// The measurement of the TDX module (48 bytes).
    public var mrSEAM: [UInt8] { part(16, 48) }
    /// The signer of the TDX module (48 bytes); zero for Intel.
    public var mrSignerSEAM: [UInt8] { part(64, 48) }
    /// The attributes of the TDX module (8 bytes).
    public var seamAttributes: [UInt8] { part(112, 8) }
    /// The attributes of the trust domain.
    public var attributes: TDAttributes { TDAttributes(bytes: part(120, 8)) }
    /// The extended state that the trust domain may use (8 bytes).
    public var xfam: [UInt8] { part(128, 8) }
    /// The measurement of the launch (48 bytes).
    public var mrTD: [UInt8] { part(136, 48) }
    /// The configuration's identity, set at the launch (48 bytes).
    public var mrConfigID: [UInt8] { part(184, 48) }
    /// The owner, set at the launch (48 bytes).
    public var mrOwner: [UInt8] { part(232, 48) }
    /// The owner's configuration, set at the launch (48 bytes).
    public var mrOwnerConfig: [UInt8] { part(280, 48) }
    /// The four registers that software extends (48 bytes each).
    public var rtmr: [[UInt8]] { [part(328, 48), part(376, 48), part(424, 48), part(472, 48)] }
    /// What the trust domain put in (64 bytes).
    public var reportData: [UInt8] { part(520, 64) }
    /// The security versions now (16 bytes); TD 1.5 only.
    public var tcbSVN2: [UInt8]? { isTD15 ? part(584, 16) : nil }
    /// The measurement of the service trust domains (48 bytes); TD 1.5 only.
    public var mrServiceTD: [UInt8]? { isTD15 ? part(600, 48) : nil }
}

/// The attributes of a trust domain (TDX module ABI, ATTRIBUTES).
public struct TDAttributes: Equatable, Sendable {
    /// The 64 bits; unknown ones are kept.
    public let rawValue: UInt64

    /// Takes bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    init(bytes: [UInt8]) { rawValue = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    /// The eight bytes, little-endian.
    public var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: rawValue >> UInt64(8 * $0)) } }

    private func bit(_ position: UInt64) -> Bool { rawValue >> position & 1 == 1 }

    /// The host may read the trust domain's memory.
    public var debug: Bool { bit(0) }
    /// A page that the host took away ends the trust domain instead of raising an exception inside it.
    public var septVEDisable: Bool { bit(28) }
    /// A migration domain may export the trust domain to another machine.
    public var migratable: Bool { bit(29) }
    /// Supervisor protection keys are in use.
    public var protectionKeys: Bool { bit(30) }
    /// Key Locker is in use.
    public var keyLocker: Bool { bit(31) }
    /// Performance counters are in use.
    public var performanceMonitoring: Bool { bit(63) }
}
