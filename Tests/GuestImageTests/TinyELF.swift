import WireFormat

/// Writes small ELF files: a program or library with a loader and needed libraries, or a module with `.modinfo`.
enum TinyELF {
    static func program(interpreter: String?, needed: [String]) -> [UInt8] {
        var strings: [UInt8] = [0]
        var dynamic: [(UInt64, UInt64)] = []
        for name in needed {
            dynamic.append((1, UInt64(strings.count)))
            strings += Array(name.utf8) + [0]
        }
        let loader = Array((interpreter ?? "").utf8) + [0]
        let loaderStart = 64 + 56 * 3
        let stringStart = loaderStart + loader.count
        let dynamicStart = stringStart + strings.count
        let base: UInt64 = 0x40_0000
        dynamic += [(5, base + UInt64(stringStart)), (0, 0)]
        let total = UInt64(dynamicStart + dynamic.count * 16)
        var writer = header(segments: 3, sections: 0, sectionOffset: 0, names: 0)
        segment(1, offset: 0, address: base, size: total, &writer)
        segment(2, offset: UInt64(dynamicStart), address: 0, size: UInt64(dynamic.count * 16), &writer)
        segment(
            interpreter == nil ? 4 : 3, offset: UInt64(loaderStart), address: 0, size: UInt64(loader.count), &writer)
        writer.append(loader)
        writer.append(strings)
        for (tag, value) in dynamic {
            writer.u64LE(tag)
            writer.u64LE(value)
        }
        return writer.bytes
    }

    static func module(depends: [String]) -> [UInt8] {
        let info = Array("license=GPL\0depends=\(depends.joined(separator: ","))\0name=x\0".utf8)
        let names = Array("\0.modinfo\0.shstrtab\0".utf8)
        let tableStart = 64 + info.count + names.count
        var writer = header(segments: 0, sections: 3, sectionOffset: UInt64(tableStart), names: 2)
        writer.append(info)
        writer.append(names)
        section(name: 0, offset: 0, size: 0, &writer)
        section(name: 1, offset: 64, size: UInt64(info.count), &writer)
        section(name: 10, offset: UInt64(64 + info.count), size: UInt64(names.count), &writer)
        return writer.bytes
    }

    private static func header(segments: UInt16, sections: UInt16, sectionOffset: UInt64, names: UInt16) -> ByteWriter {
        var writer = ByteWriter()
        writer.append([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        writer.u16LE(3)
        writer.u16LE(62)
        writer.u32LE(1)
        writer.u64LE(0)
        writer.u64LE(segments == 0 ? 0 : 64)
        writer.u64LE(sectionOffset)
        writer.u32LE(0)
        writer.u16LE(64)
        writer.u16LE(56)
        writer.u16LE(segments)
        writer.u16LE(64)
        writer.u16LE(sections)
        writer.u16LE(names)
        return writer
    }

    private static func segment(
        _ type: UInt32, offset: UInt64, address: UInt64, size: UInt64, _ writer: inout ByteWriter
    ) {
        writer.u32LE(type)
        writer.u32LE(4)
        writer.u64LE(offset)
        writer.u64LE(address)
        writer.u64LE(address)
        writer.u64LE(size)
        writer.u64LE(size)
        writer.u64LE(1)
    }

    private static func section(name: UInt32, offset: UInt64, size: UInt64, _ writer: inout ByteWriter) {
        writer.u32LE(name)
        writer.u32LE(1)
        writer.u64LE(0)
        writer.u64LE(0)
        writer.u64LE(offset)
        writer.u64LE(size)
        for _ in 0..<2 { writer.u32LE(0) }
        for _ in 0..<2 { writer.u64LE(0) }
    }
}
