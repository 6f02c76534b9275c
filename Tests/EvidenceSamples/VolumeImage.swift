import WireFormat

/// A tiny image in the shape of OVMF: a volume whose one file holds the two volumes that are measured, not packed.
public enum VolumeImage {
    /// The image.
    public static func bytes() throws -> [UInt8] {
        let early = try volume(
            "9b07386903b53d4e9d24b28337a25806", [(guid: [UInt8](repeating: 1, count: 16), type: 6, body: [1, 2, 3])])
        let menu = try Hex.decode("21aa2c4614760345836e8ab6f4662331", field: "menu")
        let drivers = try volume(
            "c9bdb87cebf8344faaea3ee4af6516a1",
            [(guid: menu, type: 9, body: [4]), (guid: [UInt8](repeating: 2, count: 16), type: 7, body: [5])])
        let file = (
            guid: [UInt8](repeating: 8, count: 16), type: UInt8(0x0B),
            body: section(0x17, early) + section(0x17, drivers)
        )
        return try volume("09090909090909090909090909090909", [file])
    }

    /// A volume with a name and files.
    private static func volume(
        _ name: String, _ files: [(guid: [UInt8], type: UInt8, body: [UInt8])]
    ) throws -> [UInt8] {
        var content = ByteWriter()
        for file in files {
            while content.bytes.count % 8 != 0 { content.u8(0xFF) }
            content.append(file.guid)
            content.append([0, 0, file.type, 0])
            content.append(size(24 + file.body.count) + [0xF8])
            content.append(file.body)
        }
        var writer = ByteWriter()
        writer.append([UInt8](repeating: 0, count: 16))
        writer.append(try Hex.decode("78e58c8c3d8a1c4f9935896185c32dd3", field: "file system"))
        writer.u64LE(UInt64(72 + 24 + content.bytes.count + 64))
        writer.append("_FVH".utf8)
        writer.u32LE(0)
        writer.u16LE(72)
        writer.u16LE(0)
        writer.u16LE(72)  // where the name is
        writer.pad(to: 72)
        writer.append(try Hex.decode(name, field: "name"))
        writer.u32LE(20)
        writer.pad(to: 96)
        writer.append(content.bytes)
        writer.append([UInt8](repeating: 0xFF, count: 64))
        return writer.bytes
    }

    private static func section(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        let bytes = size(4 + body.count) + [type] + body
        return bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    }

    /// A number of 24 bits.
    private static func size(_ value: Int) -> [UInt8] {
        [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value >> 16 & 0xFF)]
    }
}
