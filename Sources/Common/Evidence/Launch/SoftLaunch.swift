import WireFormat

/// All that decides the launch measurement under the software stand-in: the declared soft layout.
///
/// Debian's OVMF has no place for the kernel-hash table, so this layout is declared instead of read from the firmware:
/// a plain firmware file that ends at 4 GiB, then one page with the standard kernel-hash table at ``hashTableAddress``,
/// then one save area per processor, all starting at the reset vector. The links are those of an SNP launch. It holds for
/// the technology `soft-snp` only and is named so wherever it is printed.
public struct SoftLaunch: Equatable, Sendable {
    /// The technology that this layout belongs to.
    public static let technology = Technology.softSNP
    /// The name of the layout.
    public static let layout = "soft-1"
    /// The declared address of the page of kernel hashes.
    public static let hashTableAddress: UInt64 = 0x80_0000

    /// The firmware file.
    public var firmware: [UInt8]
    /// What is booted.
    public var kernel: KernelHashTable
    /// The number of virtual processors.
    public var processors: Int

    /// Describes a launch.
    public init(firmware: [UInt8], kernel: KernelHashTable, processors: Int) {
        self.firmware = firmware
        self.kernel = kernel
        self.processors = processors
    }

    /// The launch measurement.
    public func measurement() throws(WireError) -> LaunchMeasurement {
        var pages = LaunchPages(after: try MeasuredFirmware.digest(of: firmware))
        try pages.add(.normal, contents: kernel.page(offset: 0), at: Self.hashTableAddress)
        try SNPLaunch.addProcessors(processors, to: &pages) { _ in
            SaveArea(
                startAddress: SaveArea.bootVector, features: 1, signature: ProcessorModel.epycV4.rawValue, writer: .qemu
            )
        }
        return pages.digest
    }

    /// The measurement together with what it was made from, for people and scripts.
    public func report() throws(WireError) -> JSONValue {
        [
            "technology": .string(Self.technology.rawValue), "layout": .string(Self.layout),
            "measurement": .string(try measurement().hex), "vcpus": .integer(Int64(processors)),
            "kernelSHA256": .string(Hex.encode(kernel.kernel)), "initrdSHA256": .string(Hex.encode(kernel.initrd)),
            "commandLineSHA256": .string(Hex.encode(kernel.commandLine)),
        ]
    }
}
