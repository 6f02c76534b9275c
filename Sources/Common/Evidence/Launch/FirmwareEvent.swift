import Crypto
import WireFormat

/// SHA-384 digests of the events that a TDX firmware measures (TCG PC Client Platform Firmware Profile).
public enum FirmwareEvent {
    /// Between what comes before and after the firmware hands over: four zero bytes.
    public static let separator = digest([0, 0, 0, 0])
    /// Before the firmware starts what it boots.
    public static let callingApplication = text(callingApplicationText)
    /// When the kernel asks the firmware to leave.
    public static let exitInvocation = text(exitInvocationText)
    /// When the firmware has left.
    public static let exitSuccess = text(exitSuccessText)

    static let callingApplicationText = "Calling EFI Application from Boot Option"
    static let exitInvocationText = "Exit Boot Services Invocation"
    static let exitSuccessText = "Exit Boot Services Returned with Success"

    /// A variable that decides about secure boot.
    public enum SecureBootVariable: String, Sendable, CaseIterable {
        /// Whether secure boot is on.
        case secureBoot = "SecureBoot"
        /// The platform's key.
        case platformKey = "PK"
        /// The keys that may change the databases.
        case exchangeKeys = "KEK"
        /// What may be started.
        case allowed = "db"
        /// What may not be started.
        case forbidden = "dbx"

        private static let global = GUID.efi(0x8be4_df61, 0x93ca, 0x11d2, 0xaa0d_00e0_9803_2b8c)
        private static let security = GUID.efi(0xd719_b2cb, 0x3d3a, 0x4596, 0xa3bc_dad0_0e67_656f)

        fileprivate var vendor: [UInt8] { self == .allowed || self == .forbidden ? Self.security : Self.global }
    }

    /// The event of a variable: UEFI_VARIABLE_DATA, with its vendor, its name and its data; empty when it is not set.
    public static func variable(_ variable: SecureBootVariable, data: [UInt8] = []) -> [UInt8] {
        digest(variableBytes(variable, data: data))
    }

    /// What is measured of a variable of secure boot.
    static func variableBytes(_ variable: SecureBootVariable, data: [UInt8]) -> [UInt8] {
        let name = Array(variable.rawValue.utf16)
        var writer = ByteWriter()
        writer.append(variable.vendor)
        writer.u64LE(UInt64(name.count))
        writer.u64LE(UInt64(data.count))
        for unit in name { writer.u16LE(unit) }
        writer.append(data)
        return writer.bytes
    }

    /// The event of the boot order; of its data alone, unlike the variables of secure boot.
    public static func bootOrder(_ options: [UInt16]) -> [UInt8] {
        var writer = ByteWriter()
        for option in options { writer.u16LE(option) }
        return digest(writer.bytes)
    }

    /// What the firmware adds to the command line when there is an initrd.
    public enum InitrdName: String, Sendable, CaseIterable {
        /// There is none.
        case none
        /// ` initrd=initrd` at its end.
        case last
        /// `initrd=initrd ` at its beginning: GenericQemuLoadImageLib of late 2025.
        case first
    }

    /// The event of a command line as Linux measures it when the firmware starts it: each byte as a unit of UTF-16, and a
    /// final zero.
    public static func commandLine(_ text: String, initrd: InitrdName) -> [UInt8] {
        digest(commandLineBytes(text, initrd: initrd))
    }

    /// What is measured of a command line.
    static func commandLineBytes(_ text: String, initrd: InitrdName) -> [UInt8] {
        var writer = ByteWriter()
        let whole =
            switch initrd {
            case .none: text
            case .last: text + " initrd=initrd"
            case .first: "initrd=initrd " + text
            }
        for byte in whole.utf8 { writer.u16LE(UInt16(byte)) }
        writer.u16LE(0)
        return writer.bytes
    }

    /// The event of bytes as they are: the configuration volume, the list of memory, ACPI tables, an initrd.
    public static func digest(_ bytes: some Sequence<UInt8>) -> [UInt8] { Array(SHA384.hash(data: Array(bytes))) }

    /// The event of an action, named by its text.
    public static func text(_ text: String) -> [UInt8] { digest(text.utf8) }
}
