import WireFormat

/// One packet of an OpenPGP message or key ring (RFC 4880, section 4).
struct OpenPGPPacket {
    /// The packet types that are read here.
    enum Tag {
        static let signature = 2
        static let onePassSignature = 4
        static let publicKey = 6
        static let compressed = 8
        static let literal = 11
        static let publicSubkey = 14
    }

    let tag: Int
    let body: [UInt8]

    static let maximumPackets = 4096

    /// Splits bytes into packets. Partial lengths are joined; an indeterminate length runs to the end.
    static func split(_ bytes: [UInt8]) throws(WireError) -> [OpenPGPPacket] {
        var cursor = OpenPGPCursor(bytes)
        var packets: [OpenPGPPacket] = []
        while !cursor.isAtEnd {
            guard packets.count < Self.maximumPackets else { throw OpenPGPCursor.fault("too many packets") }
            packets.append(try Self.next(&cursor))
        }
        return packets
    }

    private static func next(_ cursor: inout OpenPGPCursor) throws(WireError) -> OpenPGPPacket {
        let head = try cursor.byte()
        guard head & 0x80 != 0 else { throw OpenPGPCursor.fault("not a packet header") }
        guard head & 0x40 != 0 else {
            let tag = Int(head >> 2 & 0x0F)
            let lengthBytes = [1, 2, 4, 0][Int(head & 3)]
            guard lengthBytes > 0 else {
                // Only a compressed packet may leave its length open; anything else could swallow what follows.
                guard tag == Tag.compressed else { throw OpenPGPCursor.fault("a packet without a length") }
                return OpenPGPPacket(tag: tag, body: cursor.rest())
            }
            return OpenPGPPacket(tag: tag, body: try cursor.take(try cursor.number(lengthBytes)))
        }
        var body: [UInt8] = []
        while true {
            let first = try cursor.byte()
            switch first {
            case 0..<192: return OpenPGPPacket(tag: Int(head & 0x3F), body: body + (try cursor.take(Int(first))))
            case 192..<224:
                let length = (Int(first) - 192) << 8 + Int(try cursor.byte()) + 192
                return OpenPGPPacket(tag: Int(head & 0x3F), body: body + (try cursor.take(length)))
            case 255: return OpenPGPPacket(tag: Int(head & 0x3F), body: body + (try cursor.take(try cursor.number(4))))
            default: body += try cursor.take(1 << Int(first & 0x1F))
            }
        }
    }

    /// Removes ASCII armour, if there is any, and checks its CRC-free content.
    static func removingArmour(_ bytes: [UInt8]) throws(WireError) -> [UInt8] {
        let marker = Array("-----BEGIN PGP ".utf8)
        guard bytes.starts(with: marker) else { return bytes }
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
            Array(line.last == 0x0D ? line.dropLast() : line)
        }
        lines.removeFirst()
        guard let blank = lines.firstIndex(where: { $0.allSatisfy { $0 == 0x20 } }) else {
            throw OpenPGPCursor.fault("armour without a blank line")
        }
        var text: [UInt8] = []
        for line in lines[(blank + 1)...] {
            if line.starts(with: "-----END PGP ".utf8) {
                return try Base64.decode(String(decoding: text, as: UTF8.self), field: "OpenPGP armour")
            }
            // A line that begins with "=" is the CRC-24, which protects against accidents only.
            if line.first != UInt8(ascii: "=") { text += line }
        }
        throw OpenPGPCursor.fault("armour without an end")
    }
}

/// A bounds-checked reader for OpenPGP's big-endian fields.
struct OpenPGPCursor {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func fault(_ reason: String) -> WireError { WireError(field: "OpenPGP", reason: reason) }

    var isAtEnd: Bool { self.offset == self.bytes.count }

    mutating func byte() throws(WireError) -> UInt8 {
        guard let byte = try self.take(1).first else { throw Self.fault("ends too early") }
        return byte
    }

    mutating func number(_ count: Int) throws(WireError) -> Int {
        var value = 0
        for byte in try self.take(count) { value = value << 8 | Int(byte) }
        return value
    }

    mutating func take(_ count: Int) throws(WireError) -> [UInt8] {
        guard count >= 0, count <= self.bytes.count - self.offset else { throw Self.fault("ends too early") }
        defer { self.offset += count }
        return Array(self.bytes[self.offset..<self.offset + count])
    }

    /// A multi-precision integer: a count of bits, then the bytes.
    mutating func integer() throws(WireError) -> [UInt8] {
        let bits = try self.number(2)
        guard bits <= 16384 else { throw Self.fault("an integer of more than 16384 bits") }
        return try self.take((bits + 7) / 8)
    }

    mutating func rest() -> [UInt8] {
        defer { self.offset = self.bytes.count }
        return Array(self.bytes[self.offset...])
    }
}
