/// How much of a CBOR document is read before it is refused.
public struct CBORLimits: Sendable {
    /// Items within one another.
    public var depth: Int
    /// Items in all.
    public var items: Int
    /// Bytes of the document.
    public var size: Int

    /// Bounds of one's own.
    public init(depth: Int = 32, items: Int = 100_000, size: Int = 4 << 20) {
        self.depth = depth
        self.items = items
        self.size = size
    }
}

extension CBORValue {
    /// Reads one document that fills `bytes`.
    ///
    /// Heads must be in their shortest form, lengths definite and keys distinct, so that ``encoded`` gives the same bytes
    /// back and two readers cannot read two documents out of one.
    ///
    /// - Throws: ``WireError`` that names the offset.
    public init(parsing bytes: [UInt8], limits: CBORLimits = CBORLimits()) throws(WireError) {
        var reader = try CBORReader(bytes, limits: limits)
        self = try reader.item(depth: 0)
        try reader.finish()
    }
}

/// Reads items one after the other.
struct CBORReader {
    private let bytes: [UInt8]
    private let depth: Int
    private var left: Int
    private var offset = 0

    init(_ bytes: [UInt8], limits: CBORLimits) throws(WireError) {
        guard bytes.count <= limits.size else {
            throw WireError(field: "CBOR", reason: "exceeds \(limits.size) bytes")
        }
        self.bytes = bytes
        depth = limits.depth
        left = limits.items
    }

    private func mistake(_ reason: String, at place: Int) -> WireError {
        WireError(field: "CBOR at offset \(place)", reason: reason)
    }

    func finish() throws(WireError) {
        guard offset == bytes.count else { throw mistake("bytes follow the document", at: offset) }
    }

    mutating func item(depth level: Int) throws(WireError) -> CBORValue {
        let start = offset
        guard level < depth else { throw mistake("nests deeper than \(depth)", at: start) }
        left -= 1
        guard left >= 0 else { throw mistake("the document has too many items", at: start) }
        let first = try take(1)[0]
        let (major, info) = (first >> 5, first & 31)
        if major == 7 { return try special(info, at: start) }
        let argument = try argument(info, at: start)
        switch major {
        case 0: return .unsigned(argument)
        case 1: return .negative(argument)
        case 2: return .bytes(try take(try length(argument, at: start)))
        case 3:
            guard let text = String(validating: try take(try length(argument, at: start)), as: UTF8.self) else {
                throw mistake("a text is not UTF-8", at: start)
            }
            return .text(text)
        case 4:
            var items: [CBORValue] = []
            for _ in 0..<(try length(argument, at: start)) { items.append(try item(depth: level + 1)) }
            return .array(items)
        case 5: return .map(try pairs(try length(argument, at: start), level, at: start))
        default: return .tagged(argument, try item(depth: level + 1))
        }
    }

    private mutating func pairs(
        _ count: Int, _ level: Int, at start: Int
    ) throws(WireError) -> [(key: CBORValue, value: CBORValue)] {
        var pairs: [(key: CBORValue, value: CBORValue)] = []
        var seen: Set<ArraySlice<UInt8>> = []
        for _ in 0..<count {
            let place = offset
            let key = try item(depth: level + 1)
            guard seen.insert(bytes[place..<offset]).inserted else { throw mistake("a key comes twice", at: place) }
            pairs.append((key: key, value: try item(depth: level + 1)))
        }
        return pairs
    }

    private mutating func special(_ info: UInt8, at start: Int) throws(WireError) -> CBORValue {
        switch info {
        case 20: return .bool(false)
        case 21: return .bool(true)
        case 22: return .null
        case 23: return .undefined
        case 0..<20: return .simple(info)
        case 24:
            let value = try take(1)[0]
            guard value >= 32 else { throw mistake("a simple value is not in its shortest form", at: start) }
            return .simple(value)
        case 25...27:
            let content = try take(1 << Int(info - 24))
            let bits = content.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return .float(Self.double(bits, info), encoded: Array(bytes[start..<offset]))
        default: throw mistake("is of indefinite length or reserved", at: start)
        }
    }

    private static func double(_ bits: UInt64, _ info: UInt8) -> Double {
        switch info {
        case 27: return Double(bitPattern: bits)
        case 26: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        default:
            // Half precision (RFC 8949, appendix D).
            let exponent = Int(bits >> 10 & 31)
            let fraction = Double(bits & 0x3FF)
            let magnitude: Double
            switch exponent {
            case 0: magnitude = fraction / 16_777_216
            case 31: magnitude = fraction == 0 ? .infinity : .nan
            default: magnitude = (1_024 + fraction) * Double(sign: .plus, exponent: exponent - 25, significand: 1)
            }
            return bits >> 15 & 1 == 1 ? -magnitude : magnitude
        }
    }

    private mutating func argument(_ info: UInt8, at start: Int) throws(WireError) -> UInt64 {
        guard info >= 24 else { return UInt64(info) }
        guard info <= 27 else { throw mistake("is of indefinite length or reserved", at: start) }
        let width = 1 << Int(info - 24)
        let value = try take(width).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let least: UInt64 = width == 1 ? 24 : 1 << UInt64(4 * width)
        guard value >= least else { throw mistake("a number is not in its shortest form", at: start) }
        return value
    }

    /// A length that the rest of the document could hold: each item has at least one byte.
    private func length(_ argument: UInt64, at start: Int) throws(WireError) -> Int {
        guard let length = Int(exactly: argument), length <= bytes.count - offset else {
            throw mistake("is longer than the document", at: start)
        }
        return length
    }

    private mutating func take(_ count: Int) throws(WireError) -> [UInt8] {
        guard count <= bytes.count - offset else { throw mistake("the document ends here", at: offset) }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }
}
