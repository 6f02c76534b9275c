import CLZ4

/// Packs an initrd in LZ4's legacy frame, the one the kernel reads (lz4: doc/lz4_Frame_format.md, "Legacy frame"; kernel:
/// lib/decompress_unlz4.c).
///
/// Unpacking LZ4 costs the guest no more than copying what is not packed. The packed archive is less than half as long:
/// so much less for the host to hold for every machine, to measure and to load.
public enum LegacyLZ4 {
    /// Bytes of the archive in one block; a frame's blocks are full but for the last.
    static let blockSize = 8 << 20
    static let magic: [UInt8] = [0x02, 0x21, 0x4c, 0x18]
    private static let level: Int32 = 9

    /// The version of the library, which decides the bytes.
    public static var library: String { "lz4 \(String(cString: LZ4_versionString()))" }

    /// The frame: magic, then for each block its packed length (u32, little endian) and its packed bytes.
    public static func packed(_ content: [UInt8]) throws(GuestBuildError) -> [UInt8] {
        var output = magic
        var block = [UInt8](repeating: 0, count: Int(LZ4_compressBound(Int32(blockSize))))
        var rest = content[...]
        while !rest.isEmpty {
            let part = rest.prefix(blockSize)
            rest = rest.dropFirst(part.count)
            let count = part.withUnsafeBytes { source in
                block.withUnsafeMutableBytes { target in
                    LZ4_compress_HC(
                        source.baseAddress, target.baseAddress, Int32(source.count), Int32(target.count), level)
                }
            }
            guard count > 0 else { throw GuestBuildError("the initrd could not be packed (\(library))") }
            withUnsafeBytes(of: UInt32(count).littleEndian) { output.append(contentsOf: $0) }
            output.append(contentsOf: block.prefix(Int(count)))
        }
        return output
    }
}
