import WireFormat

/// What a TDX firmware image says about its own launch (Intel 344991, TDVF metadata): the ranges of guest memory that the
/// launch fills, in the order in which it measures them.
public struct TDVFMetadata: Equatable, Sendable {
    /// A range of guest memory.
    public struct Section: Equatable, Sendable {
        /// What the range is for.
        public enum Kind: UInt32, Sendable {
            /// Code of the firmware.
            case bootVolume = 0
            /// Variables of the firmware.
            case configurationVolume = 1
            /// The list of memory that the hypervisor hands over.
            case handoffBlocks = 2
            /// Memory for the firmware's first steps.
            case temporaryMemory = 3
            /// Memory for good.
            case permanentMemory = 4
            /// What td-shim starts.
            case payload = 5
            /// What td-shim hands to it.
            case payloadParameters = 6
            /// What td-shim says about itself.
            case information = 7
            /// What the hypervisor tells td-shim.
            case parameters = 8
        }

        /// Where its data begin in the image.
        public let offset: UInt32
        /// The number of bytes in the image; what memory has beyond them is zero.
        public let rawSize: UInt32
        /// The first guest physical address.
        public let address: UInt64
        /// The number of bytes in memory, whole pages.
        public let size: UInt64
        /// What the range is for.
        public let kind: Kind
        /// Whether its contents are measured, not only its addresses (MR.EXTEND).
        public let isMeasured: Bool
        /// Whether its pages are added after the launch and so not measured at all (PAGE.AUG).
        public let isAddedLater: Bool

        /// Describes a range of whole pages.
        ///
        /// - Parameters:
        ///   - offset: Where its data begin in the image.
        ///   - rawSize: The number of bytes in the image.
        ///   - address: The first guest physical address.
        ///   - size: The number of bytes in memory.
        ///   - type: The number of its kind.
        ///   - attributes: Bit 0 is MR.EXTEND, bit 1 PAGE.AUG; the others must be zero.
        public init(
            offset: UInt32, rawSize: UInt32, address: UInt64, size: UInt64, type: UInt32, attributes: UInt32
        ) throws(WireError) {
            guard let kind = Kind(rawValue: type) else {
                throw WireError(field: "TDVF section", reason: "kind \(type) is not known")
            }
            guard attributes & ~3 == 0 else {
                throw WireError(field: "TDVF section", reason: "reserved attributes must be zero")
            }
            guard address % 4096 == 0, size % 4096 == 0 else {
                throw WireError(field: "TDVF section", reason: "is not made of whole pages")
            }
            guard rawSize <= size, !address.addingReportingOverflow(size).overflow else {
                throw WireError(field: "TDVF section", reason: "\(size) bytes at \(address) are out of range")
            }
            (self.offset, self.rawSize, self.address, self.size) = (offset, rawSize, address, size)
            (self.kind, isMeasured, isAddedLater) = (kind, attributes & 1 != 0, attributes & 2 != 0)
        }
    }

    /// The sections in table order, which is the order of measurement.
    public let sections: [Section]

    private static let offset = GUID.efi(0xe47a_6535, 0x984a, 0x4798, 0x865e_4685_a7bf_8ec2)

    /// States what an image says.
    public init(sections: [Section]) { self.sections = sections }

    /// Reads the metadata of an image.
    public init(firmware: [UInt8]) throws(WireError) {
        guard let distance = try FirmwareTable(firmware: firmware).number(Self.offset, "TDVF offset") else {
            throw WireError(field: "firmware", reason: "has no TDVF metadata; it is not made for TDX")
        }
        var sections: [Section] = []
        for var record in try FirmwareTable.records(firmware, signature: "TDVF", fromEnd: distance, record: 32) {
            sections.append(
                try Section(
                    offset: try record.u32LE("data offset"), rawSize: try record.u32LE("data size"),
                    address: try record.u64LE("section address"), size: try record.u64LE("section size"),
                    type: try record.u32LE("section type"), attributes: try record.u32LE("section attributes")))
        }
        self.sections = sections
    }

    /// The bytes that an image has for a section.
    public static func data(of section: Section, in firmware: [UInt8]) throws(WireError) -> ArraySlice<UInt8> {
        let (begin, size) = (Int(section.offset), Int(section.rawSize))
        guard begin <= firmware.count, size <= firmware.count - begin else {
            throw WireError(field: "TDVF section", reason: "\(size) bytes at \(begin) are not in the image")
        }
        return firmware[begin..<begin + size]
    }
}
