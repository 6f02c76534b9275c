import WireFormat

/// What a guest's owner allows its host to do (AMD 56860, POLICY); fixed at launch and part of every report.
public struct GuestPolicy: Hashable, Sendable {
    /// The 64 bits as in the report.
    public let rawValue: UInt64

    private static let mustBeOne: UInt64 = 1 << 17
    private static let known: UInt64 = (1 << 26) - 1

    /// Takes bits; the reserved ones must have their fixed values.
    public init(rawValue: UInt64) throws(WireError) {
        guard rawValue & Self.mustBeOne != 0 else {
            throw WireError(field: "policy", reason: "reserved bit 17 must be one")
        }
        guard rawValue & ~Self.known == 0 else {
            throw WireError(field: "policy", reason: "reserved bits must be zero")
        }
        self.rawValue = rawValue
    }

    private init(trusted rawValue: UInt64) { self.rawValue = rawValue }

    /// What Testudo launches with: no debugging, no migration agent, one socket; threads of a core may be shared.
    public static let launch = GuestPolicy(trusted: mustBeOne | 1 << 16 | 1 << 20)

    private func bit(_ position: Int) -> Bool { rawValue >> UInt64(position) & 1 == 1 }

    /// The least minor version of the firmware's interface.
    public var abiMinor: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    /// The least major version of the firmware's interface.
    public var abiMajor: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }
    /// Threads of one core may run different guests.
    public var allowsSMT: Bool { bit(16) }
    /// A migration agent may export the guest.
    public var allowsMigrationAgent: Bool { bit(18) }
    /// The host may read and write the guest's memory.
    public var allowsDebug: Bool { bit(19) }
    /// The guest runs on one socket only.
    public var requiresSingleSocket: Bool { bit(20) }
    /// Devices and memory on CXL may be used.
    public var allowsCXL: Bool { bit(21) }
    /// Memory must be encrypted with AES-256-XTS.
    public var requiresAES256XTS: Bool { bit(22) }
    /// The power meter must be off.
    public var requiresRAPLDisabled: Bool { bit(23) }
    /// Ciphertext must be hidden from the host.
    public var requiresCiphertextHiding: Bool { bit(24) }
    /// The host may not swap the guest's pages.
    public var disablesPageSwap: Bool { bit(25) }
}

/// What the platform says of itself (AMD 56860, PLATFORM_INFO).
public struct PlatformInfo: Hashable, Sendable {
    /// The 64 bits as in the report; unknown ones are kept.
    public let rawValue: UInt64

    /// Takes bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Cores run two threads.
    public var smtEnabled: Bool { rawValue & 1 != 0 }
    /// All memory is encrypted transparently.
    public var tsmeEnabled: Bool { rawValue >> 1 & 1 != 0 }
    /// Memory has error correction.
    public var eccEnabled: Bool { rawValue >> 2 & 1 != 0 }
    /// Memory was checked for aliases (AMD-SB-3015).
    public var aliasCheckComplete: Bool { rawValue >> 5 & 1 != 0 }
}
