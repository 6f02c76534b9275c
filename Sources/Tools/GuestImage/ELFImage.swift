import WireFormat

/// What the guest builder wants to know of an ELF file: its loader, the libraries it needs, a kernel module's description.
///
/// 64-bit little-endian files only. Every offset in the file is checked before it is followed.
public struct ELFImage: Sendable {
    /// The path of the program's loader; nil in libraries and static programs.
    public let interpreter: String?
    /// The names of the libraries needed (DT_NEEDED), in order.
    public let needed: [String]
    private let bytes: [UInt8]
    private let sections: Table

    private struct Table: Sendable {
        var offset: Int
        var count: Int
        var names: Int
    }

    private struct Segment {
        let type: UInt32
        let offset: Int
        let address: UInt64
        let size: Int
    }

    /// Parses an ELF file.
    public init(_ bytes: [UInt8]) throws(WireError) {
        self.bytes = bytes
        var reader = ByteReader(bytes.prefix(64))
        guard try reader.bytes(6, "ELF identification") == [0x7f, 0x45, 0x4c, 0x46, 2, 1] else {
            throw WireError(field: "ELF identification", reason: "no 64-bit little-endian ELF file")
        }
        _ = try reader.bytes(26, "ELF header")
        let segmentOffset = try reader.u64LE("e_phoff")
        let sectionOffset = try reader.u64LE("e_shoff")
        _ = try reader.bytes(6, "ELF header")
        let segmentSize = try reader.u16LE("e_phentsize")
        let segmentCount = try reader.u16LE("e_phnum")
        let sectionSize = try reader.u16LE("e_shentsize")
        let sectionCount = try reader.u16LE("e_shnum")
        let nameIndex = try reader.u16LE("e_shstrndx")
        guard segmentCount == 0 || segmentSize == 56, sectionCount == 0 || sectionSize == 64 else {
            throw WireError(field: "ELF header", reason: "table entries of an unknown size")
        }
        self.sections = Table(
            offset: try Self.offset(sectionOffset), count: Int(sectionCount), names: Int(nameIndex))
        let segments = try Self.segments(bytes, at: try Self.offset(segmentOffset), count: Int(segmentCount))
        if let loader = segments.first(where: { $0.type == 3 }) {
            self.interpreter = try Self.text(bytes, at: loader.offset)
        } else {
            self.interpreter = nil
        }
        self.needed = try Self.needed(bytes, segments)
    }

    /// The values of `key` in a kernel module's `.modinfo`.
    public func moduleInfo(_ key: String) throws(WireError) -> [String] {
        guard let section = try section(".modinfo") else { return [] }
        let prefix = Array("\(key)=".utf8)
        return section.split(separator: 0).filter { $0.starts(with: prefix) }
            .map { String(decoding: $0.dropFirst(prefix.count), as: UTF8.self) }
    }

    private func section(_ name: String) throws(WireError) -> [UInt8]? {
        guard sections.count > 0 else { return nil }
        guard sections.names < sections.count else {
            throw WireError(field: "e_shstrndx", reason: "there is no such section")
        }
        let names = try sectionRange(sections.names).offset
        for index in 0..<sections.count {
            let (label, offset, size) = try sectionRange(index)
            guard try Self.text(bytes, at: names + label) == name else { continue }
            return Array(try Self.slice(bytes, offset, size, name))
        }
        return nil
    }

    private func sectionRange(_ index: Int) throws(WireError) -> (label: Int, offset: Int, size: Int) {
        var reader = ByteReader(try Self.slice(bytes, sections.offset + 64 * index, 64, "section header"))
        let label = Int(try reader.u32LE("sh_name"))
        _ = try reader.bytes(20, "section header")
        let offset = try Self.offset(try reader.u64LE("sh_offset"))
        return (label, offset, try Self.offset(try reader.u64LE("sh_size")))
    }

    private static func segments(_ bytes: [UInt8], at offset: Int, count: Int) throws(WireError) -> [Segment] {
        var result: [Segment] = []
        for index in 0..<count {
            var reader = ByteReader(try slice(bytes, offset + 56 * index, 56, "program header"))
            let type = try reader.u32LE("p_type")
            _ = try reader.u32LE("p_flags")
            let start = try Self.offset(try reader.u64LE("p_offset"))
            let address = try reader.u64LE("p_vaddr")
            _ = try reader.u64LE("p_paddr")
            let size = try Self.offset(try reader.u64LE("p_filesz"))
            result.append(Segment(type: type, offset: start, address: address, size: size))
        }
        return result
    }

    private static func needed(_ bytes: [UInt8], _ segments: [Segment]) throws(WireError) -> [String] {
        guard let dynamic = segments.first(where: { $0.type == 2 }) else { return [] }
        var reader = ByteReader(try slice(bytes, dynamic.offset, dynamic.size, "dynamic section"))
        var names: [Int] = []
        var table: UInt64?
        while reader.remaining >= 16 {
            let tag = try reader.u64LE("d_tag")
            let value = try reader.u64LE("d_val")
            switch tag {
            case 0: _ = reader.rest()
            case 1: names.append(try offset(value))
            case 5: table = value
            default: break
            }
        }
        guard !names.isEmpty else { return [] }
        guard let table,
            let home = segments.first(where: {
                $0.type == 1 && $0.address <= table && table - $0.address < UInt64($0.size)
            })
        else { throw WireError(field: "DT_STRTAB", reason: "the string table is not in the file") }
        let start = home.offset + Int(table - home.address)
        var result: [String] = []
        for name in names { result.append(try text(bytes, at: start + name)) }
        return result
    }

    private static func offset(_ value: UInt64) throws(WireError) -> Int {
        guard value < 1 << 40 else { throw WireError(field: "ELF offset", reason: "\(value) is out of range") }
        return Int(value)
    }

    private static func slice(_ bytes: [UInt8], _ offset: Int, _ size: Int, _ field: String) throws(WireError)
        -> ArraySlice<UInt8>
    {
        guard offset <= bytes.count, size <= bytes.count - offset else {
            throw WireError(field: field, reason: "it lies beyond the end of the file")
        }
        return bytes[offset..<offset + size]
    }

    private static func text(_ bytes: [UInt8], at offset: Int) throws(WireError) -> String {
        guard offset < bytes.count, let end = bytes[offset...].firstIndex(of: 0), end - offset < 4096 else {
            throw WireError(field: "ELF string", reason: "it has no end")
        }
        return String(decoding: bytes[offset..<end], as: UTF8.self)
    }
}
