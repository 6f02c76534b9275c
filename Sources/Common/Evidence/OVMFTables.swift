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
    private static let countLimit = 64

    private static let footer = GUID.efi(0x96b5_82de, 0x1fb2, 0x45f7, 0xbaea_a366_c55a_082d)
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
    public init(firmware: [UInt8]) throws(WireError) {
        let entries = try Self.entries(firmware)
        var table: UInt32?
        if let data = entries[Self.hashTable] {
            var reader = ByteReader(data)
            let base = try reader.u32LE("hash table address")
            _ = try reader.u32LE("hash table size")
            table = base == 0 ? nil : base
        }
        hashTableAddress = table
        if let data = entries[Self.reset] {
            var reader = ByteReader(data)
            resetVector = try reader.u32LE("reset vector")
        } else {
            resetVector = nil
        }
        if let data = entries[Self.metadata] {
            var reader = ByteReader(data)
            sections = try Self.sections(firmware, fromEnd: Int(try reader.u32LE("metadata offset")))
        } else {
            sections = []
        }
    }

    /// The entries by GUID, read from the end to the front.
    private static func entries(_ firmware: [UInt8]) throws(WireError) -> [[UInt8]: [UInt8]] {
        let end = firmware.count - 32
        guard end >= 18, Array(firmware[end - 16..<end]) == footer else {
            throw WireError(field: "firmware", reason: "has no GUID table; it is not an OVMF image")
        }
        let total = Int(firmware[end - 18]) | Int(firmware[end - 17]) << 8
        guard total >= 18, total <= end else { throw WireError(field: "firmware table", reason: "has a wrong length") }
        var entries: [[UInt8]: [UInt8]] = [:]
        let start = end - total
        var position = end - 18
        while position - start >= 18 {
            let guid = Array(firmware[position - 16..<position])
            let length = Int(firmware[position - 18]) | Int(firmware[position - 17]) << 8
            guard length >= 18, length <= position - start else {
                throw WireError(field: "firmware table", reason: "an entry has a wrong length")
            }
            let data = Array(firmware[position - length..<position - 18])
            guard entries.updateValue(data, forKey: guid) == nil else {
                throw WireError(field: "firmware table", reason: "an entry comes twice")
            }
            position -= length
        }
        return entries
    }

    private static func sections(_ firmware: [UInt8], fromEnd offset: Int) throws(WireError) -> [Section] {
        guard offset > 0, offset <= firmware.count else {
            throw WireError(field: "metadata", reason: "lies outside of the image")
        }
        var reader = ByteReader(firmware[(firmware.count - offset)...])
        guard try reader.bytes(4, "metadata signature") == Array("ASEV".utf8) else {
            throw WireError(field: "metadata signature", reason: "is not ASEV")
        }
        let length = Int(try reader.u32LE("metadata length"))
        guard try reader.u32LE("metadata version") == 1 else {
            throw WireError(field: "metadata version", reason: "is not 1")
        }
        let count = Int(try reader.u32LE("metadata count"))
        guard count <= countLimit, length == 16 + 12 * count else {
            throw WireError(field: "metadata count", reason: "does not fit the length")
        }
        var sections: [Section] = []
        for _ in 0..<count {
            let address = try reader.u32LE("metadata section")
            let size = try reader.u32LE("metadata section")
            let value = try reader.u32LE("metadata section")
            guard let kind = Section.Kind(rawValue: value) else {
                throw WireError(field: "metadata section", reason: "kind \(value) is not known")
            }
            sections.append(try Section(address: address, size: size, kind: kind))
        }
        return sections
    }
}
