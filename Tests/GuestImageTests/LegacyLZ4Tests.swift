import CLZ4
import Testing

@testable import GuestImage

@Suite struct LegacyLZ4Tests {
    /// What a reader of the frame gets; nil when it is damaged.
    private func unpacked(_ frame: [UInt8]) -> [UInt8]? {
        guard frame.starts(with: LegacyLZ4.magic) else { return nil }
        var rest = frame.dropFirst(4)
        var output: [UInt8] = []
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            let packed = Array(rest.dropFirst(4).prefix(length))
            guard packed.count == length else { return nil }
            rest = rest.dropFirst(4 + length)
            var block = [UInt8](repeating: 0, count: LegacyLZ4.blockSize)
            let count = packed.withUnsafeBytes { source in
                block.withUnsafeMutableBytes { target in
                    LZ4_decompress_safe(
                        source.baseAddress, target.baseAddress, Int32(source.count), Int32(target.count))
                }
            }
            guard count >= 0 else { return nil }
            output += block.prefix(Int(count))
        }
        return output
    }

    private func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    @Test func `what was packed comes back, over block borders and where nothing can be gained`() throws {
        for content in [[], [7], noise(LegacyLZ4.blockSize + 1), [UInt8](repeating: 1, count: 3 * LegacyLZ4.blockSize)]
        {
            #expect(unpacked(try LegacyLZ4.packed(content)) == content)
        }
    }

    @Test func `the same archive gives the same bytes, and fewer`() throws {
        let content = [UInt8]((0..<100_000).flatMap { Array("file \($0 % 97)\n".utf8) })
        let frame = try LegacyLZ4.packed(content)
        #expect(try LegacyLZ4.packed(content) == frame)
        #expect(frame.count < content.count / 4)
    }
}
