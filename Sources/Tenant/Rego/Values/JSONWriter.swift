extension Value {
    /// The value as JSON, as Go's encoder writes it: sets as arrays, keys that are no strings as their JSON text, and,
    /// unless told otherwise, `<`, `>` and `&` as escapes. `pretty` puts members on lines of their own, two spaces in.
    public func json(pretty: Bool = false, escapingHTML: Bool = true) -> [UInt8] {
        var writer = JSONWriter(isPretty: pretty, escapesHTML: escapingHTML)
        writer.write(self)
        return writer.bytes
    }
}

/// Builds JSON text.
struct JSONWriter {
    var bytes: [UInt8] = []
    let isPretty: Bool
    let escapesHTML: Bool
    private var depth = 0
    /// How many keys that are no strings the writer is within.
    private var keyDepth = 0

    /// Keys within keys that are written as JSON text; deeper ones are written as Rego writes them. Each level escapes
    /// the one within: text doubles with each.
    static let keyLimit = 4

    init(isPretty: Bool, escapesHTML: Bool) {
        self.isPretty = isPretty
        self.escapesHTML = escapesHTML
    }

    mutating func write(_ value: Value) {
        switch value {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let number): bytes.append(contentsOf: number.description.utf8)
        case .string(let text): write(text.string)
        case .array(let members): write(members)
        case .set(let set): write(set.members)
        case .object(let object): write(object)
        }
    }

    private mutating func write(_ members: [Value]) {
        bytes.append(UInt8(ascii: "["))
        depth += 1
        for (index, member) in members.enumerated() {
            separate(index)
            write(member)
        }
        close(UInt8(ascii: "]"), isEmpty: members.isEmpty)
    }

    private mutating func write(_ object: ObjectValue) {
        bytes.append(UInt8(ascii: "{"))
        depth += 1
        if object.keys.allSatisfy({ if case .string = $0 { true } else { false } }) {
            for index in 0..<object.count {
                if case .string(let key) = object.keys[index] { write(index, key.string, object.values[index]) }
            }
        } else {
            let pairs = zip(object.keys, object.values).map { (key($0), $1) }.sorted { $0.0 < $1.0 }
            for (index, pair) in pairs.enumerated() { write(index, pair.0.string, pair.1) }
        }
        close(UInt8(ascii: "}"), isEmpty: object.count == 0)
    }

    private func key(_ value: Value) -> Text {
        if case .string(let text) = value { return text }
        if keyDepth >= Self.keyLimit { return Text(value.text) }
        var writer = JSONWriter(isPretty: false, escapesHTML: true)
        writer.keyDepth = keyDepth + 1
        writer.write(value)
        return Text(String(decoding: writer.bytes, as: UTF8.self))
    }

    private mutating func write(_ index: Int, _ key: String, _ value: Value) {
        separate(index)
        write(key)
        bytes.append(UInt8(ascii: ":"))
        if isPretty { bytes.append(UInt8(ascii: " ")) }
        write(value)
    }

    private mutating func separate(_ index: Int) {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        if isPretty { line() }
    }

    private mutating func close(_ bracket: UInt8, isEmpty: Bool) {
        depth -= 1
        if isPretty, !isEmpty { line() }
        bytes.append(bracket)
    }

    private mutating func line() {
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    /// A string in quotes.
    mutating func write(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        var high: (UInt8, UInt8) = (0, 0)
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x0C: bytes.append(contentsOf: "\\f".utf8)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20: escape(byte)
            case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
                if escapesHTML { escape(byte) } else { bytes.append(byte) }
            case 0xA8, 0xA9:
                // U+2028 and U+2029 end lines in JavaScript, which Go minds.
                if high == (0xE2, 0x80) {
                    bytes.removeLast(2)
                    bytes.append(contentsOf: (byte == 0xA8 ? "\\u2028" : "\\u2029").utf8)
                } else {
                    bytes.append(byte)
                }
            default: bytes.append(byte)
            }
            high = (high.1, byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
    }
}
