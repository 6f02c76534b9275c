import WireFormat

/// The 512-byte header block of a tar entry, in the ustar or the GNU dialect.
struct TarHeader {
    static let blockSize = 512

    let name: [UInt8]
    let mode: Int64
    let userID: Int64
    let groupID: Int64
    let size: Int64
    let modified: Int64
    let type: UInt8
    let linkName: [UInt8]
    let major: Int64
    let minor: Int64

    init(block: [UInt8]) throws(WireError) {
        guard block.count == Self.blockSize else { throw WireError(field: "tar header", reason: "not 512 bytes") }
        let sum = try Self.number(block[148..<156], "checksum")
        var computed: Int64 = 0
        for (index, byte) in block.enumerated() { computed += (148..<156).contains(index) ? 0x20 : Int64(byte) }
        guard sum == computed else { throw WireError(field: "tar checksum", reason: "does not match the header") }
        let magic = Array(block[257..<265])
        let isUstar = magic == Array("ustar\u{0}00".utf8)
        guard isUstar || magic == Array("ustar  \u{0}".utf8) else {
            throw WireError(field: "tar magic", reason: "neither ustar nor GNU")
        }
        self.type = block[156]
        var name = Self.text(block[0..<100])
        let prefix = Self.text(block[345..<500])
        // GNU archives keep times in the place where ustar has the prefix.
        if isUstar, !prefix.isEmpty { name = prefix + [UInt8(ascii: "/")] + name }
        self.name = name
        self.mode = try Self.number(block[100..<108], "mode")
        self.userID = try Self.number(block[108..<116], "uid")
        self.groupID = try Self.number(block[116..<124], "gid")
        self.size = try Self.number(block[124..<136], "size")
        self.modified = try Self.number(block[136..<148], "mtime", signed: true)
        self.linkName = Self.text(block[157..<257])
        let isDevice = self.type == UInt8(ascii: "3") || self.type == UInt8(ascii: "4")
        self.major = isDevice ? try Self.number(block[329..<337], "devmajor") : 0
        self.minor = isDevice ? try Self.number(block[337..<345], "devminor") : 0
    }

    private static func text(_ field: ArraySlice<UInt8>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }

    /// An octal number, or a base-256 number when the top bit of the first byte is set.
    private static func number(_ field: ArraySlice<UInt8>, _ name: String, signed: Bool = false) throws(WireError)
        -> Int64
    {
        let fault = WireError(field: "tar \(name)", reason: "not a number in range")
        guard let first = field.first else { throw fault }
        if first & 0x80 != 0 {
            let negative = first & 0x40 != 0
            guard !negative || signed else { throw fault }
            var value = Int64(truncatingIfNeeded: negative ? -1 : 0)
            for (index, byte) in field.enumerated() {
                let bits = index == 0 ? (negative ? byte | 0x80 : byte & 0x7F) : byte
                let top = value >> 55
                guard top == 0 || top == -1 else { throw fault }
                value = (value << 8) | Int64(bits)
            }
            guard (value < 0) == negative else { throw fault }
            return value
        }
        let trimmed = field.drop { $0 == 0x20 }
        let digits = trimmed.prefix { (0x30...0x37).contains($0) }
        guard trimmed.dropFirst(digits.count).allSatisfy({ $0 == 0x20 || $0 == 0 }) else { throw fault }
        var value: Int64 = 0
        for digit in digits { value = value << 3 | Int64(digit - 0x30) }  // at most 12 digits: no overflow
        return value
    }
}
