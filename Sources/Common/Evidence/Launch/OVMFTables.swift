import WireFormat

/// What an OVMF image says about its own launch: the GUID table at its end and the SEV metadata it points to.
///
/// Everything is bounded before it is believed: builds for other technologies carry nonsense sections of gigabytes.
public struct OVMFTables: Equatable, Sendable {
    /// A range of guest memory that the launch treats specially.
    public struct Section: Equatable, Sendable {
        /// What the range is for.
        public enum Kind: UInt32, Sendable {
            /// Memory that must be there before the firmware runs.
            case securityMemory = 1
            /// The page for the guest's secrets.
            case secrets = 2
            /// The page of processor features.
            case cpuid = 3
            /// The calling area of an SVSM.
            case callingArea = 4
            /// The page of kernel hashes.
            case kernelHashes = 0x10
        }

        /// The first guest physical address.
        public let address: UInt32
        /// The number of bytes, whole pages.
        public let size: UInt32
        /// What the range is for.
        public let kind: Kind

        /// Describes a range of whole pages of bounded size.
        public init(address: UInt32, size: UInt32, kind: Kind) throws(WireError) {
            guard address % 4096 == 0, size % 4096 == 0, size > 0 else {
                throw WireError(field: "metadata section", reason: "is not made of whole pages")
            }
            guard size <= OVMFTables.sectionLimit, UInt64(address) + UInt64(size) <= 1 << 32 else {
                throw WireError(field: "metadata section", reason: "\(size) bytes are out of range")
            }
            self.address = address
            self.size = size
            self.kind = kind
        }

        /// Describes a range by the number that the metadata has for its kind.
        public init(address: UInt32, size: UInt32, type: UInt32) throws(WireError) {
            guard let kind = Kind(rawValue: type) else {
                throw WireError(field: "metadata section", reason: "kind \(type) is not known")
            }
            try self.init(address: address, size: size, kind: kind)
        }

        /// The addresses of its pages.
        var pages: StrideTo<UInt64> { stride(from: UInt64(address), to: UInt64(address) + UInt64(size), by: 4096) }
    }

    /// Where application processors start; nil when the image does not say.
    public let resetVector: UInt32?
    /// Where the kernel-hash table goes; nil when the image has no place for one.
    public let hashTableAddress: UInt32?
    /// The sections in table order, which is the order of measurement.
    public let sections: [Section]

    /// The most bytes a section may have.
    static let sectionLimit: UInt32 = 16 << 20

    private static let hashTable = GUID.efi(0x7255_371f, 0x3a3b, 0x4b04, 0x927b_1da6_efa8_d454)
    private static let reset = GUID.efi(0x00f7_71de, 0x1a7e, 0x4fcb, 0x890e_68c7_7e2f_b44e)
    private static let metadata = GUID.efi(0xdc88_6566, 0x984a, 0x4798, 0xa75e_5585_a7bf_67cc)

    /// States what an image says, for images that are known by their hash only.
    public init(resetVector: UInt32?, hashTableAddress: UInt32?, sections: [Section]) {
        self.resetVector = resetVector
        self.hashTableAddress = hashTableAddress
        self.sections = sections
    }

    /// Reads the tables of an image, or of any suffix of one that holds them.
    ///
    /// - Parameters:
    ///   - firmware: The image.
    ///   - withSections: Whether the sections are wanted. SEV before SNP does not use them, and images for other
    ///     technologies have wrong ones.
    public init(firmware: [UInt8], withSections: Bool = true) throws(WireError) {
        let table = try FirmwareTable(firmware: firmware)
        let base = try table.number(Self.hashTable, "hash table address")
        hashTableAddress = base == 0 ? nil : base
        resetVector = try table.number(Self.reset, "reset vector")
        if withSections, let distance = try table.number(Self.metadata, "metadata offset") {
            sections = try Self.sections(firmware, fromEnd: distance)
        } else {
            sections = []
        }
    }

    private static func sections(_ firmware: [UInt8], fromEnd distance: UInt32) throws(WireError) -> [Section] {
        var sections: [Section] = []
        for var record in try FirmwareTable.records(firmware, signature: "ASEV", fromEnd: distance, record: 12) {
            sections.append(
                try Section(
                    address: try record.u32LE("section address"), size: try record.u32LE("section size"),
                    type: try record.u32LE("section type")))
        }
        return sections
    }
}
