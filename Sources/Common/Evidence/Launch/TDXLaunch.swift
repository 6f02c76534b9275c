import Crypto
import WireFormat

/// All that decides the launch measurement of a TDX guest, MRTD: one SHA-384 over the pages that the firmware asks for.
public struct TDXLaunch: Equatable, Sendable {
    /// The order in which a hypervisor adds pages and measures their contents.
    public enum PageOrder: String, Sendable, CaseIterable {
        /// Each page is added and then measured: QEMU since 9, GCE.
        case singlePass = "single-pass"
        /// All pages of a section are added, then all are measured: QEMU 8 with the early patches.
        case twoPass = "two-pass"
    }

    /// The firmware image.
    public var firmware: [UInt8]
    /// What the image says about its launch.
    public var metadata: TDVFMetadata
    /// In which order pages are measured.
    public var pageOrder: PageOrder
    /// Whether the contents of every section are measured, marked so or not, as Google's hypervisor once did.
    public var measuresAllSections = false
    /// What the hypervisor writes into sections, by kind: the list of memory, a payload. Sections without it get the
    /// bytes of the image.
    public var contents: [TDVFMetadata.Section.Kind: [UInt8]] = [:]

    /// The most bytes of memory that a launch may add together; a table that asks for more is wrong.
    static let memoryLimit: UInt64 = 256 << 20
    private static let pageSize: UInt64 = 4096
    private static let chunkSize = 256

    /// Describes a launch of an image by its own metadata.
    public init(firmware: [UInt8], pageOrder: PageOrder = .singlePass) throws(WireError) {
        self.init(
            firmware: firmware, metadata: try TDVFMetadata(firmware: firmware), pageOrder: pageOrder)
    }

    /// Describes a launch of an image by given metadata.
    public init(firmware: [UInt8], metadata: TDVFMetadata, pageOrder: PageOrder = .singlePass) {
        self.firmware = firmware
        self.metadata = metadata
        self.pageOrder = pageOrder
    }

    /// The launch measurement, MRTD.
    public func measurement() throws(WireError) -> LaunchMeasurement {
        var hash = SHA384()
        var left = Self.memoryLimit
        for section in metadata.sections where !section.isAddedLater {
            guard section.size <= left else {
                throw WireError(field: "TDVF section", reason: "\(section.size) bytes are more than a launch can add")
            }
            left -= section.size
            try Self.add(section, try bytes(of: section), section.isMeasured || measuresAllSections, pageOrder, &hash)
        }
        return LaunchMeasurement(digest: Array(hash.finalize()))
    }

    /// What a section's memory begins with.
    private func bytes(of section: TDVFMetadata.Section) throws(WireError) -> ArraySlice<UInt8> {
        guard let written = contents[section.kind] else { return try TDVFMetadata.data(of: section, in: firmware) }
        guard written.count <= section.size else {
            throw WireError(field: "TDVF section", reason: "\(written.count) bytes do not fit")
        }
        return written[...]
    }

    private static func add(
        _ section: TDVFMetadata.Section, _ bytes: ArraySlice<UInt8>, _ isMeasured: Bool, _ order: PageOrder,
        _ hash: inout SHA384
    ) throws(WireError) {
        var addition = Block("MEM.PAGE.ADD")
        var growth = Block("MR.EXTEND")
        let zeros = [UInt8](repeating: 0, count: chunkSize)
        func measure(_ page: UInt64) {
            for offset in stride(from: page, to: page + pageSize, by: chunkSize) {
                growth.add(section.address + offset, to: &hash)
                let begin = min(bytes.startIndex + Int(offset), bytes.endIndex)
                let chunk = bytes[begin..<min(begin + chunkSize, bytes.endIndex)]
                hash.update(data: chunk)
                hash.update(data: zeros[..<(chunkSize - chunk.count)])
            }
        }
        let pages = stride(from: 0, to: section.size, by: Int(pageSize))
        for page in pages {
            addition.add(section.address + page, to: &hash)
            if isMeasured, order == .singlePass { measure(page) }
        }
        if isMeasured, order == .twoPass { for page in pages { measure(page) } }
    }

    /// The 128 bytes that name an operation and the address it is for (Intel TDX module, TDH.MEM.PAGE.ADD, TDH.MR.EXTEND).
    private struct Block {
        private var bytes: [UInt8]

        init(_ name: String) {
            var writer = ByteWriter()
            writer.append(name.utf8)
            writer.pad(to: 128)
            bytes = writer.bytes
        }

        mutating func add(_ address: UInt64, to hash: inout SHA384) {
            for index in 0..<8 { bytes[16 + index] = UInt8(truncatingIfNeeded: address >> UInt64(8 * index)) }
            hash.update(data: bytes)
        }
    }
}
