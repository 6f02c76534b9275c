import WireFormat

/// Unpacks a stream in the old form of LZMA (13 bytes of header), in which OVMF images hold their volumes.
///
/// The format is that of Igor Pavlov's LZMA specification. Streams come from files: every length and place is checked.
struct LZMADecoder {
    /// The most bytes that a stream may unpack to.
    static let sizeLimit = 32 << 20

    private let input: [UInt8]
    private var position = 13
    private var range = UInt32.max
    private var code: UInt32 = 0
    private var output: [UInt8] = []
    private let size: Int
    private let literalContext, literalPosition, positionBits: Int
    private var probabilities: [UInt16]

    /// Where each kind of decision has its probabilities.
    private enum Place {
        static let match = 0
        static let rep = match + 12 << 4
        static let repFirst = rep + 12
        static let repSecond = repFirst + 12
        static let repThird = repSecond + 12
        static let repLong = repThird + 12
        static let slot = repLong + 12 << 4
        static let special = slot + 4 << 6
        static let align = special + 128
        static let length = align + 16
        static let repLength = length + lengthCount
        static let literal = repLength + lengthCount
        /// Two choices, then the short, middle and long lengths.
        static let lengthCount = 2 + 16 << 3 + 16 << 3 + 256
    }

    /// Unpacks a stream; what follows it is not looked at.
    static func decode(_ stream: [UInt8]) throws(WireError) -> [UInt8] {
        var decoder = try LZMADecoder(stream)
        try decoder.run()
        return decoder.output
    }

    private init(_ stream: [UInt8]) throws(WireError) {
        var header = ByteReader(stream.prefix(18))
        let properties = Int(try header.u8("LZMA properties"))
        (literalContext, literalPosition, positionBits) = (properties % 9, properties / 9 % 5, properties / 45)
        guard positionBits <= 4, literalContext + literalPosition <= 4 else {
            throw WireError(field: "LZMA properties", reason: "\(properties) are out of range")
        }
        _ = try header.u32LE("LZMA dictionary size")
        let length = try header.u64LE("LZMA size")
        guard length <= UInt64(Self.sizeLimit) else {
            throw WireError(field: "LZMA size", reason: "is not told or exceeds \(Self.sizeLimit)")
        }
        size = Int(length)
        input = stream
        probabilities = Array(
            repeating: 1024, count: Place.literal + 0x300 << (literalContext + literalPosition))
        guard try header.u8("LZMA stream") == 0 else {
            throw WireError(field: "LZMA stream", reason: "does not begin with zero")
        }
        for _ in 0..<4 { code = code << 8 | UInt32(try header.u8("LZMA stream")) }
        position = 18
        guard code != .max else { throw WireError(field: "LZMA stream", reason: "at byte 14 is out of range") }
        output.reserveCapacity(size)
    }

    // MARK: The range coder

    private mutating func normalize() throws(WireError) {
        guard range < 1 << 24 else { return }
        guard position < input.count else {
            throw WireError(field: "LZMA stream", reason: "ends early, at byte \(position)")
        }
        range <<= 8
        code = code << 8 | UInt32(input[position])
        position += 1
    }

    /// A bit by the probability at an index, which learns from it.
    private mutating func bit(_ index: Int) throws(WireError) -> Int {
        let probability = probabilities[index]
        let bound = (range >> 11) * UInt32(probability)
        guard code >= bound else {
            range = bound
            probabilities[index] = probability + (2048 - probability) >> 5
            try normalize()
            return 0
        }
        range -= bound
        code -= bound
        probabilities[index] = probability - probability >> 5
        try normalize()
        return 1
    }

    /// Bits that are as likely as not.
    private mutating func plainBits(_ count: Int) throws(WireError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            range >>= 1
            value <<= 1
            if code >= range {
                code -= range
                value |= 1
            }
            try normalize()
        }
        return value
    }

    private mutating func tree(_ place: Int, _ bits: Int) throws(WireError) -> Int {
        var node = 1
        for _ in 0..<bits { node = node << 1 | (try bit(place + node)) }
        return node - 1 << bits
    }

    private mutating func reversedTree(_ place: Int, _ bits: Int) throws(WireError) -> UInt32 {
        var (node, value) = (1, UInt32(0))
        for index in 0..<bits {
            let next = try bit(place + node)
            node = node << 1 | next
            value |= UInt32(next) << UInt32(index)
        }
        return value
    }

    // MARK: Literals and matches

    private mutating func run() throws(WireError) {
        var state = 0
        var recent: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        while output.count < size {
            let low = output.count & (1 << positionBits - 1)
            guard try bit(Place.match + state << 4 + low) == 1 else {
                try literal(after: state, recent.0)
                state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6
                continue
            }
            var length: Int
            if try bit(Place.rep + state) == 0 {
                length = try self.length(Place.length, low)
                state = state < 7 ? 7 : 10
                recent = (try distance(length), recent.0, recent.1, recent.2)
            } else {
                if try bit(Place.repFirst + state) == 0 {
                    if try bit(Place.repLong + state << 4 + low) == 0 {
                        state = state < 7 ? 9 : 11
                        try copy(1, from: recent.0)
                        continue
                    }
                } else if try bit(Place.repSecond + state) == 0 {
                    recent = (recent.1, recent.0, recent.2, recent.3)
                } else if try bit(Place.repThird + state) == 0 {
                    recent = (recent.2, recent.0, recent.1, recent.3)
                } else {
                    recent = (recent.3, recent.0, recent.1, recent.2)
                }
                length = try self.length(Place.repLength, low)
                state = state < 7 ? 8 : 11
            }
            try copy(length + 2, from: recent.0)
        }
    }

    private mutating func literal(after state: Int, _ distance: UInt32) throws(WireError) {
        let previous = Int(output.last ?? 0)
        let low = output.count & (1 << literalPosition - 1)
        let place = Place.literal + 0x300 * (low << literalContext + previous >> (8 - literalContext))
        var symbol = 1
        if state >= 7 {
            guard Int(distance) < output.count else { throw beforeStart(distance) }
            var match = Int(output[output.count - 1 - Int(distance)])
            while symbol < 0x100 {
                let matched = match >> 7 & 1
                match <<= 1
                let next = try bit(place + (1 + matched) << 8 + symbol)
                symbol = symbol << 1 | next
                if matched != next { break }
            }
        }
        while symbol < 0x100 { symbol = symbol << 1 | (try bit(place + symbol)) }
        output.append(UInt8(truncatingIfNeeded: symbol))
    }

    private mutating func length(_ place: Int, _ low: Int) throws(WireError) -> Int {
        if try bit(place) == 0 { return try tree(place + 2 + low << 3, 3) }
        if try bit(place + 1) == 0 { return 8 + (try tree(place + 2 + 128 + low << 3, 3)) }
        return 16 + (try tree(place + 2 + 256, 8))
    }

    private mutating func distance(_ length: Int) throws(WireError) -> UInt32 {
        let slot = try tree(Place.slot + min(length, 3) << 6, 6)
        guard slot >= 4 else { return UInt32(slot) }
        let bits = slot >> 1 - 1
        let base = UInt32(2 | slot & 1) << UInt32(bits)
        if slot < 14 { return base + (try reversedTree(Place.special + Int(base) - slot, bits)) }
        let high = try plainBits(bits - 4) << 4
        return base | high | (try reversedTree(Place.align, 4))
    }

    private mutating func copy(_ length: Int, from distance: UInt32) throws(WireError) {
        guard Int(distance) < output.count else { throw beforeStart(distance) }
        guard length <= size - output.count else {
            throw WireError(field: "LZMA stream", reason: "holds more than \(size) bytes")
        }
        let start = output.count - 1 - Int(distance)
        for index in start..<start + length { output.append(output[index]) }
    }

    private func beforeStart(_ distance: UInt32) -> WireError {
        WireError(field: "LZMA stream", reason: "copies from \(distance) bytes before byte \(output.count)")
    }
}
