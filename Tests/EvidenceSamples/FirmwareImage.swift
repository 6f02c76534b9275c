import WireFormat

/// A small firmware image that tests take apart: GUID table, SEV and TDX metadata, all with chosen values.
public struct FirmwareImage {
    /// The sections of the SEV metadata: address, size, type.
    public var sev: [(UInt32, UInt32, UInt32)] = [(0x80_0000, 0x1000, 1), (0x80_1000, 0x1000, 0x10)]
    /// The sections of the TDX metadata: offset, raw size, address, size, type, attributes.
    public var tdx: [(UInt32, UInt32, UInt64, UInt64, UInt32, UInt32)] = [
        (0, 0x1000, 0xFFFF_F000, 0x1000, 0, 1), (0, 0, 0x80_0000, 0x2000, 3, 0), (0, 0, 0x80_9000, 0x1000, 2, 0),
    ]
    /// Replace what the descriptions say of their own length and count.
    public var sevLength, sevCount, tdxLength, tdxCount: UInt32?
    /// Replace where the descriptions begin, counted from the end.
    public var sevDistance, tdxDistance: UInt32?
    /// Replaces the length of the whole table.
    public var tableLength: UInt16?
    /// Where the hash table goes.
    public var hashTable: UInt32 = 0x80_1C00

    private static let size = 4096
    private static let footer = "de82b596b21ff745baeaa366c55a082d"
    private static let hashEntry = "1f3755723b3a044b927b1da6efa8d454"
    private static let resetEntry = "de71f7007e1acb4f890e68c77e2fb44e"
    private static let sevEntry = "666588dc4a989847a75e5585a7bf67cc"
    private static let tdxEntry = "35657ae44a989847865e4685a7bf8ec2"

    /// An image with the given values in place of the usual ones.
    public init(
        sev: [(UInt32, UInt32, UInt32)]? = nil, tdx: [(UInt32, UInt32, UInt64, UInt64, UInt32, UInt32)]? = nil,
        sevLength: UInt32? = nil, sevCount: UInt32? = nil, tdxLength: UInt32? = nil, tdxCount: UInt32? = nil,
        sevDistance: UInt32? = nil, tdxDistance: UInt32? = nil, tableLength: UInt16? = nil, hashTable: UInt32? = nil
    ) {
        self.sev = sev ?? self.sev
        self.tdx = tdx ?? self.tdx
        self.sevLength = sevLength
        self.sevCount = sevCount
        self.tdxLength = tdxLength
        self.tdxCount = tdxCount
        self.sevDistance = sevDistance
        self.tdxDistance = tdxDistance
        self.tableLength = tableLength
        self.hashTable = hashTable ?? self.hashTable
    }

    /// The image.
    public func bytes() throws -> [UInt8] {
        func numbers(_ values: UInt32...) -> [UInt8] {
            var writer = ByteWriter()
            for value in values { writer.u32LE(value) }
            return writer.bytes
        }
        func entry(_ guid: String, _ data: [UInt8]) throws -> [UInt8] {
            var writer = ByteWriter()
            writer.append(data)
            writer.u16LE(UInt16(data.count + 18))
            writer.append(try Hex.decode(guid, field: "guid"))
            return writer.bytes
        }
        var descriptions = ByteWriter()
        descriptions.append("ASEV".utf8)
        descriptions.append(
            numbers(sevLength ?? UInt32(16 + 12 * sev.count), 1, sevCount ?? UInt32(sev.count)))
        for section in sev { descriptions.append(numbers(section.0, section.1, section.2)) }
        let second = descriptions.bytes.count
        descriptions.append("TDVF".utf8)
        descriptions.append(
            numbers(tdxLength ?? UInt32(16 + 32 * tdx.count), 1, tdxCount ?? UInt32(tdx.count)))
        for section in tdx {
            descriptions.append(numbers(section.0, section.1))
            descriptions.u64LE(section.2)
            descriptions.u64LE(section.3)
            descriptions.append(numbers(section.4, section.5))
        }
        // Descriptions lie in the middle of the image, the table at its end.
        let place = UInt32(Self.size / 2)
        var table = try entry(Self.tdxEntry, numbers(tdxDistance ?? place - UInt32(second)))
        table += try entry(Self.sevEntry, numbers(sevDistance ?? place))
        table += try entry(Self.hashEntry, numbers(hashTable, 0x400))
        table += try entry(Self.resetEntry, numbers(0x80_B004))
        var last = ByteWriter()
        last.u16LE(tableLength ?? UInt16(table.count + 18))
        last.append(try Hex.decode(Self.footer, field: "guid"))
        table += last.bytes
        var image = [UInt8](repeating: 0xF4, count: Self.size)
        image.replaceSubrange(Self.size / 2..<Self.size / 2 + descriptions.bytes.count, with: descriptions.bytes)
        image.replaceSubrange(Self.size - 32 - table.count..<Self.size - 32, with: table)
        return image
    }
}
