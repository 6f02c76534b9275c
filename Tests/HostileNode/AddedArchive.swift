/// A RAM disk with one more archive before it. The kernel unpacks both, one after the other, whether packed or not.
enum AddedArchive {
    /// A newc archive that holds one file, followed by the initrd.
    static func adding(_ path: String, _ content: [UInt8], to initrd: [UInt8]) -> [UInt8] {
        self.entry(path, mode: 0o100644, content) + self.entry("TRAILER!!!", mode: 0, []) + initrd
    }

    private static func entry(_ name: String, mode: Int, _ content: [UInt8]) -> [UInt8] {
        let fields = [1, mode, 0, 0, 1, 0, content.count, 0, 0, 0, 0, name.utf8.count + 1, 0]
        let header = fields.reduce(into: "070701") { text, field in
            let digits = String(field, radix: 16, uppercase: true)
            text += String(repeating: "0", count: 8 - digits.count) + digits
        }
        return self.padded(self.padded(Array(header.utf8) + Array(name.utf8) + [0]) + content)
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    }
}
