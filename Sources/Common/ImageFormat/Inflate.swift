import WireFormat

/// A bounded decoder for raw DEFLATE (RFC 1951).
///
/// OpenPGP writers compress a signed message by default. The messages read here are a few hundred bytes, so the decoder
/// is written for clarity and a fixed output limit, not for speed; layers are inflated elsewhere.
struct Inflate {
    private let input: [UInt8]
    private let limit: Int
    private var position = 0
    private var bitBuffer: UInt32 = 0
    private var bitCount = 0
    private var output: [UInt8] = []

    /// Inflates the stream at the start of `input` and returns its content, at most `limit` bytes.
    static func decode(_ input: [UInt8], limit: Int) throws(WireError) -> [UInt8] {
        var decoder = Inflate(input: input, limit: limit)
        while try decoder.block() {}
        return decoder.output
    }

    private init(input: [UInt8], limit: Int) {
        self.input = input
        self.limit = limit
    }

    private static func fault(_ reason: String) -> WireError { WireError(field: "deflate stream", reason: reason) }

    private mutating func bits(_ count: Int) throws(WireError) -> Int {
        while self.bitCount < count {
            guard self.position < self.input.count else { throw Self.fault("ends too early") }
            self.bitBuffer |= UInt32(self.input[self.position]) << UInt32(self.bitCount)
            self.position += 1
            self.bitCount += 8
        }
        let value = self.bitBuffer & ((1 << UInt32(count)) - 1)
        self.bitBuffer >>= UInt32(count)
        self.bitCount -= count
        return Int(value)
    }

    /// Decodes one block; returns whether more follow.
    private mutating func block() throws(WireError) -> Bool {
        let isLast = try self.bits(1) == 1
        switch try self.bits(2) {
        case 0: try self.stored()
        case 1: try self.compressed(literals: Self.fixedLiterals, distances: Self.fixedDistances)
        case 2:
            let (literals, distances) = try self.dynamicCodes()
            try self.compressed(literals: literals, distances: distances)
        default: throw Self.fault("unknown block type")
        }
        return !isLast
    }

    private mutating func emit(_ byte: UInt8) throws(WireError) {
        guard self.output.count < self.limit else { throw Self.fault("inflates to more than \(self.limit) bytes") }
        self.output.append(byte)
    }

    private mutating func stored() throws(WireError) {
        self.bitBuffer = 0
        self.bitCount = 0
        let length = try self.bits(16)
        guard try self.bits(16) == length ^ 0xFFFF else { throw Self.fault("a stored block's length is damaged") }
        for _ in 0..<length { try self.emit(UInt8(try self.bits(8))) }
    }

    /// A canonical Huffman code: how many codes each length has, and the symbols in code order.
    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []

        init(lengths: [Int]) throws(WireError) {
            for length in lengths { self.counts[length] += 1 }
            self.counts[0] = 0
            var room = 1
            for length in 1...15 {
                room = room * 2 - self.counts[length]
                guard room >= 0 else { throw Inflate.fault("an over-full code") }
            }
            for length in 1...15 { self.symbols += lengths.indices.filter { lengths[$0] == length } }
        }

        private init(checkedLengths lengths: [Int]) {
            for length in lengths { self.counts[length] += 1 }
            self.counts[0] = 0
            for length in 1...15 { self.symbols += lengths.indices.filter { lengths[$0] == length } }
        }

        static func fixed(_ lengths: [Int]) -> Code { Code(checkedLengths: lengths) }
    }

    private static let fixedLiterals = Code.fixed(
        (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    private static let fixedDistances = Code.fixed([Int](repeating: 5, count: 30))
    private static let lengthBases = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static let lengthExtraBits = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    private static let codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    private mutating func symbol(_ code: Code) throws(WireError) -> Int {
        var value = 0
        var first = 0
        var index = 0
        for length in 1...15 {
            value |= try self.bits(1)
            let count = code.counts[length]
            if value - first < count { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw Self.fault("a code that stands for nothing")
    }

    private mutating func compressed(literals: Code, distances: Code) throws(WireError) {
        while true {
            let symbol = try self.symbol(literals)
            if symbol < 256 {
                try self.emit(UInt8(symbol))
                continue
            }
            if symbol == 256 { return }
            guard symbol <= 285 else { throw Self.fault("a length out of range") }
            let length = Self.lengthBases[symbol - 257] + (try self.bits(Self.lengthExtraBits[symbol - 257]))
            let code = try self.symbol(distances)
            guard code < 30 else { throw Self.fault("a distance out of range") }
            let extra = code < 2 ? 0 : code / 2 - 1
            let base = code < 2 ? code + 1 : ((2 + code % 2) << extra) + 1
            let distance = base + (try self.bits(extra))
            guard distance <= self.output.count else { throw Self.fault("a distance before the start") }
            for _ in 0..<length { try self.emit(self.output[self.output.count - distance]) }
        }
    }

    private mutating func dynamicCodes() throws(WireError) -> (Code, Code) {
        let literalCount = try self.bits(5) + 257
        let distanceCount = try self.bits(5) + 1
        let codeLengthCount = try self.bits(4) + 4
        guard literalCount <= 286, distanceCount <= 30 else { throw Self.fault("too many codes") }
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<codeLengthCount { lengths[Self.codeLengthOrder[index]] = try self.bits(3) }
        let code = try Code(lengths: lengths)
        var all: [Int] = []
        while all.count < literalCount + distanceCount {
            let symbol = try self.symbol(code)
            switch symbol {
            case 0...15: all.append(symbol)
            case 16:
                guard let previous = all.last else { throw Self.fault("repeats a length before the first") }
                all += [Int](repeating: previous, count: try self.bits(2) + 3)
            case 17: all += [Int](repeating: 0, count: try self.bits(3) + 3)
            default: all += [Int](repeating: 0, count: try self.bits(7) + 11)
            }
        }
        guard all.count == literalCount + distanceCount, all[256] != 0 else { throw Self.fault("bad code lengths") }
        return (try Code(lengths: Array(all[..<literalCount])), try Code(lengths: Array(all[literalCount...])))
    }
}
