import Crypto
import WireFormat

/// The table of kernel, initrd and command-line hashes that QEMU places in guest memory, where the launch measures it.
public struct KernelHashTable: Equatable, Sendable {
    /// SHA-256 of the command line with its terminating zero.
    public let commandLine: [UInt8]
    /// SHA-256 of the initrd; of nothing when there is none.
    public let initrd: [UInt8]
    /// SHA-256 of the kernel image.
    public let kernel: [UInt8]

    /// The number of bytes of the padded table.
    public static let length = 176

    /// Hashes what is at hand.
    ///
    /// - Parameters:
    ///   - kernel: The kernel image.
    ///   - initrd: The initrd, empty when there is none.
    ///   - commandLine: The text without a terminating zero.
    public init(kernel: [UInt8], initrd: [UInt8], commandLine: String) {
        self.kernel = Array(SHA256.hash(data: kernel))
        self.initrd = Array(SHA256.hash(data: initrd))
        self.commandLine = Self.hash(commandLine)
    }

    /// Takes SHA-256 digests of kernel and initrd.
    public init(kernelSHA256: [UInt8], initrdSHA256: [UInt8], commandLine: String) throws(WireError) {
        guard kernelSHA256.count == 32 else { throw WireError(field: "kernel digest", reason: "must be 32 bytes") }
        guard initrdSHA256.count == 32 else { throw WireError(field: "initrd digest", reason: "must be 32 bytes") }
        kernel = kernelSHA256
        initrd = initrdSHA256
        self.commandLine = Self.hash(commandLine)
    }

    private static func hash(_ commandLine: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(commandLine.utf8) + [0]))
    }

    private static let header = GUID.efi(0x9438_d606, 0x4f22, 0x4cc9, 0xb479_a793_d411_fd21)
    private static let commandLineEntry = GUID.efi(0x97d0_2dd8, 0xbd20, 0x4c94, 0xaa78_e771_4d36_ab2a)
    private static let initrdEntry = GUID.efi(0x44ba_f731, 0x3a2f, 0x4bd7, 0x9af1_41e2_9169_781d)
    private static let kernelEntry = GUID.efi(0x4de7_9437, 0xabd2, 0x427f, 0xb835_d5b1_72d2_045b)

    /// The table, padded to 176 bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.header)
        writer.u16LE(168)
        let entries = [(Self.commandLineEntry, commandLine), (Self.initrdEntry, initrd), (Self.kernelEntry, kernel)]
        for (guid, digest) in entries {
            writer.append(guid)
            writer.u16LE(50)
            writer.append(digest)
        }
        writer.pad(to: Self.length)
        return writer.bytes
    }

    /// A page of zeros with the table at `offset`.
    public func page(offset: Int) throws(WireError) -> [UInt8] {
        guard offset >= 0, offset <= 4096 - Self.length else {
            throw WireError(field: "hash table", reason: "does not fit its page")
        }
        var writer = ByteWriter()
        writer.pad(to: offset)
        writer.append(bytes)
        writer.pad(to: 4096)
        return writer.bytes
    }
}
