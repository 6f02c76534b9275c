import WireFormat

/// Parses CBOR of ``CBORValue``'s kind.
struct CBORParser {
    private var reader: ByteReader
    private let field: String

    init(_ bytes: [UInt8], _ field: String) {
        reader = ByteReader(bytes)
        self.field = field
    }

    func finish() throws(WireError) {
        guard reader.remaining == 0 else { throw refusal("\(reader.remaining) bytes are left over") }
    }

    private func refusal(_ reason: String) -> WireError {
        WireError(field: field, reason: "\(reason) at byte \(reader.offset)")
    }

    mutating func item(depth: Int) throws(WireError) -> CBORValue {
        guard depth < CBORValue.depthLimit else { throw refusal("nested too deeply") }
        let first = try reader.u8(field)
        let major = first >> 5
        if major == 7 { return try simple(first & 0x1F) }
        let number = try argument(first & 0x1F)
        switch major {
        case 0: return .unsigned(number)
        case 1: return .negative(number)
        case 2: return .bytes(try string(number))
        case 3:
            guard let text = String(validating: try string(number), as: UTF8.self) else {
                throw refusal("a text is not UTF-8")
            }
            return .text(text)
        case 4:
            // Each element has a byte at least, which bounds the list.
            guard number <= UInt64(reader.remaining) else { throw refusal("a list is longer than what is left") }
            var elements: [CBORValue] = []
            for _ in 0..<Int(number) { elements.append(try item(depth: depth + 1)) }
            return .array(elements)
        case 5: return try map(number, depth)
        default: return .tagged(number, try item(depth: depth + 1))
        }
    }

    private mutating func map(_ count: UInt64, _ depth: Int) throws(WireError) -> CBORValue {
        guard count <= UInt64(reader.remaining / 2) else { throw refusal("a map is longer than what is left") }
        var pairs: [CBORValue.Pair] = []
        var keys: Set<[UInt8]> = []
        for _ in 0..<Int(count) {
            let key = try item(depth: depth + 1)
            guard keys.insert(key.bytes).inserted else { throw refusal("a key comes twice") }
            pairs.append(CBORValue.Pair(key, try item(depth: depth + 1)))
        }
        return .map(pairs)
    }

    private mutating func string(_ count: UInt64) throws(WireError) -> [UInt8] {
        guard count <= UInt64(reader.remaining) else { throw refusal("a string is longer than what is left") }
        return try reader.bytes(Int(count), field)
    }

    /// The number of an item's head, which must have the shortest form.
    private mutating func argument(_ information: UInt8) throws(WireError) -> UInt64 {
        let number: UInt64
        let least: UInt64
        switch information {
        case 0..<24: return UInt64(information)
        case 24: (number, least) = (UInt64(try reader.u8(field)), 24)
        case 25: (number, least) = (UInt64(try reader.u16BE(field)), 0x100)
        case 26: (number, least) = (UInt64(try reader.u32BE(field)), 0x1_0000)
        case 27: (number, least) = (try reader.u64BE(field), 0x1_0000_0000)
        default: throw refusal("a length is indefinite or reserved")
        }
        guard number >= least else { throw refusal("a number does not have its shortest form") }
        return number
    }

    private mutating func simple(_ information: UInt8) throws(WireError) -> CBORValue {
        switch information {
        case 0..<24: return .simple(information)
        case 24:
            let value = try reader.u8(field)
            guard value >= 32 else { throw refusal("a simple value does not have its shortest form") }
            return .simple(value)
        case 25: return .float(try reader.bytes(2, field))
        case 26: return .float(try reader.bytes(4, field))
        case 27: return .float(try reader.bytes(8, field))
        default: throw refusal("a length is indefinite or reserved")
        }
    }
}
