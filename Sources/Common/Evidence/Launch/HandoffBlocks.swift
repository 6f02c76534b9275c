import WireFormat

/// The list of memory that a hypervisor hands to a TDX firmware (UEFI PI, hand-off blocks; Intel 344991).
public struct HandoffBlocks: Hashable, Sendable {
    /// A range of guest memory.
    public struct Range: Hashable, Sendable {
        /// The first guest physical address.
        public let address: UInt64
        /// The number of bytes.
        public let size: UInt64
        /// The first address after it.
        public var end: UInt64 { address + size }

        /// Names a range that ends within 52 bits of address.
        public init(address: UInt64, size: UInt64) throws(WireError) {
            guard address <= 1 << 52, size <= (1 << 52) - address else {
                throw WireError(field: "memory range", reason: "\(size) bytes at \(address) are out of range")
            }
            self.address = address
            self.size = size
        }

        init(_ address: UInt64, to end: UInt64) {
            self.address = address
            size = end - address
        }
    }

    /// A range with what the firmware has to do with it.
    private struct Resource: Hashable {
        var range: Range
        /// Whether the launch has added it; the firmware accepts the others.
        var isAdded: Bool
        /// Present, initialised and tested; GCE also says which to accept early.
        var attributes: UInt32 = 7
    }

    /// The ranges in the order of the list.
    private let resources: [Resource]
    /// Where the list ends, as it says itself.
    private let end: UInt64

    private static let headLength = 56
    private static let resourceLength = 48
    private static let endLength = 8

    /// From this much memory on, QEMU puts no more than ``lowMemory`` below 4 GiB.
    private static let splitLimit: UInt64 = 0xB000_0000
    private static let lowMemory: UInt64 = 0x8000_0000
    private static let fourGiB: UInt64 = 1 << 32
    private static let acceptEarly: UInt32 = 0x1000_0000

    /// The list as QEMU builds it: all memory by address.
    ///
    /// - Parameters:
    ///   - address: Where the list lies.
    ///   - memory: The guest's memory in bytes.
    ///   - added: What the launch adds of it: the ranges of the list itself and of temporary memory.
    public init(address: UInt64, memory: UInt64, added: [Range]) throws(WireError) {
        let isSplit = memory >= Self.splitLimit
        var banks = [try Range(address: 0, size: isSplit ? Self.lowMemory : memory)]
        if isSplit { banks.append(try Range(address: Self.fourGiB, size: memory - Self.lowMemory)) }
        let free = try Self.free(of: banks, without: added)
        let resources =
            added.map { Resource(range: $0, isAdded: true) } + free.map { Resource(range: $0, isAdded: false) }
        let length = UInt64(Self.headLength + Self.resourceLength * resources.count + Self.endLength)
        end = try Range(address: address, size: length).end
        self.resources = resources.sorted { $0.range.address < $1.range.address }
    }

    /// The list as QEMU builds it for a firmware.
    public init(metadata: TDVFMetadata, memory: UInt64) throws(WireError) {
        let added = metadata.sections.filter { $0.kind == .handoffBlocks || $0.kind == .temporaryMemory }
        try self.init(
            address: try Self.place(metadata).address, memory: memory, added: try Self.ranges(of: added))
    }

    /// The list as Google's hypervisor builds it: the firmware's sections in their order, then the rest of memory.
    ///
    /// - Parameters:
    ///   - metadata: The firmware's sections.
    ///   - banks: The guest's memory.
    ///   - acceptsAllEarly: Whether the firmware shall accept also what lies above 4 GiB.
    public init(metadata: TDVFMetadata, banks: [Range], acceptsAllEarly: Bool) throws(WireError) {
        let added = try Self.ranges(of: metadata.sections)
        let free = try Self.free(of: banks, without: added, areInside: false).map { range in
            let isEarly = acceptsAllEarly || range.end <= Self.fourGiB
            return Resource(range: range, isAdded: false, attributes: isEarly ? 7 | Self.acceptEarly : 7)
        }
        resources = added.map { Resource(range: $0, isAdded: true) } + free
        // Google's list says where its end block begins, QEMU's where it ends.
        let length = UInt64(Self.headLength + Self.resourceLength * resources.count)
        end = try Range(address: try Self.place(metadata).address, size: length).end
    }

    private static func place(_ metadata: TDVFMetadata) throws(WireError) -> TDVFMetadata.Section {
        guard let own = metadata.sections.first(where: { $0.kind == .handoffBlocks }) else {
            throw WireError(field: "firmware", reason: "has no section for the list of memory")
        }
        return own
    }

    private static func ranges(of sections: [TDVFMetadata.Section]) throws(WireError) -> [Range] {
        var ranges: [Range] = []
        for section in sections { ranges.append(try Range(address: section.address, size: section.size)) }
        return ranges
    }

    /// What is left of `banks` without `added`.
    ///
    /// - Parameter areInside: Whether all that was added must be memory; firmware itself need not be.
    private static func free(
        of banks: [Range], without added: [Range], areInside: Bool = true
    ) throws(WireError) -> [Range] {
        guard added.count <= FirmwareTable.recordLimit, banks.count <= FirmwareTable.recordLimit else {
            throw WireError(field: "memory range", reason: "there are too many")
        }
        let added = added.sorted { $0.address < $1.address }
        for (one, next) in zip(added, added.dropFirst()) where next.address < one.end {
            throw WireError(field: "memory range", reason: "\(next.size) bytes at \(next.address) overlap others")
        }
        if areInside, let lost = added.first(where: { one in !banks.contains { $0.contains(one) } }) {
            throw WireError(field: "memory range", reason: "\(lost.size) bytes at \(lost.address) are not in memory")
        }
        var free: [Range] = []
        for bank in banks.sorted(by: { $0.address < $1.address }) {
            var position = bank.address
            for range in added where range.end > bank.address && range.address < bank.end && range.size > 0 {
                if range.address > position { free.append(Range(position, to: range.address)) }
                position = max(position, range.end)
            }
            if position < bank.end { free.append(Range(position, to: bank.end)) }
        }
        return free
    }

    /// What the firmware measures: the list without its end.
    public var measuredBytes: [UInt8] {
        var writer = ByteWriter()
        Self.header(1, Self.headLength, &writer)
        writer.u32LE(9)  // the version of the list
        writer.u32LE(0)  // the boot mode: a full boot
        writer.pad(to: 48)  // limits of memory that nobody uses
        writer.u64LE(end)
        for resource in resources {
            Self.header(3, Self.resourceLength, &writer)
            writer.append([UInt8](repeating: 0, count: 16))  // no owner
            writer.u32LE(resource.isAdded ? 0 : 7)  // memory of the system, or yet to be accepted
            writer.u32LE(resource.attributes)
            writer.u64LE(resource.range.address)
            writer.u64LE(resource.range.size)
        }
        return writer.bytes
    }

    /// The list with its end, as it lies in memory.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(measuredBytes)
        Self.header(0xFFFF, Self.endLength, &writer)
        return writer.bytes
    }

    private static func header(_ kind: UInt16, _ length: Int, _ writer: inout ByteWriter) {
        writer.u16LE(kind)
        writer.u16LE(UInt16(length))
        writer.u32LE(0)
    }
}

extension HandoffBlocks.Range {
    /// Whether all of another range lies in this one.
    fileprivate func contains(_ other: HandoffBlocks.Range) -> Bool {
        other.address >= address && other.end <= end
    }
}
