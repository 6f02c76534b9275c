/// The kind of an event in a boot log (TCG PC Client Platform Firmware Profile, table of event types).
public struct EventType: RawRepresentable, Hashable, Sendable {
    /// The number in the log.
    public let rawValue: UInt32
    /// Takes a number as it is.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A record that is not extended into any register.
    public static let noAction = EventType(rawValue: 0x3)
    /// The border between what firmware and what its loader measure.
    public static let separator = EventType(rawValue: 0x4)
    /// A tagged structure, also used by Linux and by the attestation agent's log.
    public static let eventTag = EventType(rawValue: 0x6)
    /// The version of the code that measures first.
    public static let crtmVersion = EventType(rawValue: 0x8)
    /// Configuration of the platform: ACPI tables, or what td-shim was given.
    public static let platformConfiguration = EventType(rawValue: 0xA)
    /// What a boot loader measures: files, commands and command lines.
    public static let initialProgramLoader = EventType(rawValue: 0xD)
    /// What the host says of itself.
    public static let nonHostInfo = EventType(rawValue: 0x11)
    /// An entry of dstack's log at run time.
    public static let dstackRuntime = EventType(rawValue: 0x0800_0001)
    /// A variable that configures secure boot.
    public static let variableDriverConfig = EventType(rawValue: 0x8000_0001)
    /// A variable that says what to boot; the digest is of the contents only.
    public static let variableBoot = EventType(rawValue: 0x8000_0002)
    /// A program that the firmware starts, by its Authenticode digest.
    public static let bootApplication = EventType(rawValue: 0x8000_0003)
    /// A part of the firmware.
    public static let firmwareBlob = EventType(rawValue: 0x8000_0008)
    /// A partition table.
    public static let partitionTable = EventType(rawValue: 0x8000_0006)
    /// An action of the firmware in words.
    public static let action = EventType(rawValue: 0x8000_0007)
    /// A variable that says what to boot; the digest is of the whole structure.
    public static let variableBoot2 = EventType(rawValue: 0x8000_000C)
    /// The variable that a boot loader's signature was found in.
    public static let variableAuthority = EventType(rawValue: 0x8000_00E0)

    /// The name in the profile; the number in hex for those that have none here.
    public var name: String { Self.names[rawValue] ?? "0x" + String(rawValue, radix: 16) }

    private static let names: [UInt32: String] = [
        0x0: "EV_PREBOOT_CERT", 0x1: "EV_POST_CODE", 0x2: "EV_UNUSED", 0x3: "EV_NO_ACTION", 0x4: "EV_SEPARATOR",
        0x5: "EV_ACTION", 0x6: "EV_EVENT_TAG", 0x7: "EV_S_CRTM_CONTENTS", 0x8: "EV_S_CRTM_VERSION",
        0x9: "EV_CPU_MICROCODE", 0xA: "EV_PLATFORM_CONFIG_FLAGS", 0xB: "EV_TABLE_OF_DEVICES",
        0xC: "EV_COMPACT_HASH", 0xD: "EV_IPL", 0xE: "EV_IPL_PARTITION_DATA", 0xF: "EV_NONHOST_CODE",
        0x10: "EV_NONHOST_CONFIG", 0x11: "EV_NONHOST_INFO", 0x12: "EV_OMIT_BOOT_DEVICE_EVENTS",
        0x13: "EV_POST_CODE2", 0x8000_0000: "EV_EFI_EVENT_BASE", 0x8000_0001: "EV_EFI_VARIABLE_DRIVER_CONFIG",
        0x8000_0002: "EV_EFI_VARIABLE_BOOT", 0x8000_0003: "EV_EFI_BOOT_SERVICES_APPLICATION",
        0x8000_0004: "EV_EFI_BOOT_SERVICES_DRIVER", 0x8000_0005: "EV_EFI_RUNTIME_SERVICES_DRIVER",
        0x8000_0006: "EV_EFI_GPT_EVENT", 0x8000_0007: "EV_EFI_ACTION",
        0x8000_0008: "EV_EFI_PLATFORM_FIRMWARE_BLOB", 0x8000_0009: "EV_EFI_HANDOFF_TABLES",
        0x8000_000A: "EV_EFI_PLATFORM_FIRMWARE_BLOB2", 0x8000_000B: "EV_EFI_HANDOFF_TABLES2",
        0x8000_000C: "EV_EFI_VARIABLE_BOOT2", 0x8000_0010: "EV_EFI_HCRTM_EVENT",
        0x8000_00E0: "EV_EFI_VARIABLE_AUTHORITY", 0x8000_00E1: "EV_EFI_SPDM_FIRMWARE_BLOB",
        0x8000_00E2: "EV_EFI_SPDM_FIRMWARE_CONFIG",
    ]
}
