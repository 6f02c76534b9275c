/// A recursive-descent parser for RFC 8259 that accepts no extension.
struct JSONParser {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var offset = 0
    private var depth = 0

    init(_ bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func document() throws(WireError) -> JSONValue {
        guard bytes.count <= limits.size else { throw refusal("the document exceeds \(limits.size) bytes") }
        skipSpace()
        let value = try value()
        skipSpace()
        guard offset == bytes.count else { throw refusal("text after the end of the value") }
        return value
    }

    private func refusal(_ reason: String) -> WireError { WireError(field: "JSON at byte \(offset)", reason: reason) }

    private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { offset += 1 }
    }

    private mutating func value() throws(WireError) -> JSONValue {
        switch current {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try number()
        case nil: throw refusal("the document ends where a value should be")
        default: throw refusal("no value starts with this byte")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(WireError) -> JSONValue {
        let text = Array("\(word)".utf8)
        guard bytes.count - offset >= text.count, bytes[offset..<offset + text.count].elementsEqual(text) else {
            throw refusal("no value starts with this byte")
        }
        offset += text.count
        return value
    }

    private mutating func enter() throws(WireError) {
        depth += 1
        guard depth <= limits.depth else { throw refusal("nested deeper than \(limits.depth) levels") }
        offset += 1
        skipSpace()
    }

    /// Consumes a separator; returns false at the closing byte.
    private mutating func more(until close: UInt8) throws(WireError) -> Bool {
        skipSpace()
        if current == close {
            offset += 1
            depth -= 1
            return false
        }
        guard current == UInt8(ascii: ",") else { throw refusal("a comma or the end of the list is missing") }
        offset += 1
        skipSpace()
        return true
    }

    private mutating func array() throws(WireError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if current == UInt8(ascii: "]") {
            offset += 1
            depth -= 1
            return .array([])
        }
        repeat {
            takeIntegers(into: &elements)
            elements.append(try value())
        } while try more(until: UInt8(ascii: "]"))
        return .array(elements)
    }

    /// Takes elements that are short integers with their comma: evidence comes as long lists of such. What follows is looked at as
    /// any other element.
    private mutating func takeIntegers(into elements: inout [JSONValue]) {
        while true {
            let start = offset
            guard let number = shortInteger(), current == UInt8(ascii: ",") else {
                offset = start
                return
            }
            elements.append(number)
            offset += 1
            skipSpace()
        }
    }

    private mutating func object() throws(WireError) -> JSONValue {
        try enter()
        var members: [String: JSONValue] = [:]
        if current == UInt8(ascii: "}") {
            offset += 1
            depth -= 1
            return .object([:])
        }
        repeat {
            guard current == UInt8(ascii: "\"") else { throw refusal("a member name is missing") }
            let name = try string()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw refusal("a colon is missing") }
            offset += 1
            skipSpace()
            let member = try value()
            guard members.updateValue(member, forKey: name) == nil else {
                throw refusal("duplicate member \"\(ShownText.cut(name, bytes: 64))\"")
            }
        } while try more(until: UInt8(ascii: "}"))
        return .object(members)
    }

    private mutating func digits() throws(WireError) {
        let start = offset
        while let byte = current, byte >= 0x30, byte <= 0x39 { offset += 1 }
        guard offset > start else { throw refusal("a digit is missing") }
    }

    /// A number of at most 18 digits without fraction or exponent, as most are; nil and nothing consumed for others.
    private mutating func shortInteger() -> JSONValue? {
        let start = offset
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let first = offset
        var exact: Int64 = 0
        while offset < bytes.count, offset - first < 19 {
            let digit = bytes[offset] &- 0x30
            guard digit <= 9 else { break }
            exact = exact &* 10 &+ Int64(digit)
            offset += 1
        }
        let count = offset - first
        let isWhole = current != UInt8(ascii: ".") && current != UInt8(ascii: "e") && current != UInt8(ascii: "E")
        guard count > 0, count < 19, count == 1 || bytes[first] != 0x30, isWhole else {
            offset = start
            return nil
        }
        return .integer(isNegative ? -exact : exact)
    }

    private mutating func number() throws(WireError) -> JSONValue {
        if let short = shortInteger() { return short }
        let start = offset
        var isInteger = true
        if current == UInt8(ascii: "-") { offset += 1 }
        if current == UInt8(ascii: "0") { offset += 1 } else { try digits() }
        if current == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            offset += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let exact = Int64(text) { return .integer(exact) }
        guard let number = Double(text), number.isFinite else { throw refusal("the number is out of range") }
        return .number(number)
    }

    private mutating func string() throws(WireError) -> String {
        offset += 1
        let start = offset
        // Most texts have no escape: they are taken as they stand.
        while offset < bytes.count, bytes[offset] >= 0x20, bytes[offset] != UInt8(ascii: "\\") {
            offset += 1
            guard bytes[offset - 1] == UInt8(ascii: "\"") else { continue }
            guard let valid = String(validating: bytes[start..<offset - 1], as: UTF8.self) else {
                throw refusal("invalid UTF-8")
            }
            return valid
        }
        var text = Array(bytes[start..<offset])
        while true {
            guard let byte = current else { throw refusal("the text does not end") }
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else { throw refusal("invalid UTF-8") }
                return valid
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw refusal("a control character is not escaped")
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(WireError) {
        guard let byte = current else { throw refusal("the text does not end") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(Character(try escapedScalar())).utf8)
        default: throw refusal("unknown escape")
        }
    }

    private mutating func escapedScalar() throws(WireError) -> Unicode.Scalar {
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, current == UInt8(ascii: "\\") else { throw refusal("a surrogate stands alone") }
        offset += 1
        guard current == UInt8(ascii: "u") else { throw refusal("a surrogate stands alone") }
        offset += 1
        let second = try codeUnit()
        guard (0xDC00...0xDFFF).contains(second) else { throw refusal("a surrogate stands alone") }
        let combined = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        guard let scalar = Unicode.Scalar(combined) else { throw refusal("a surrogate stands alone") }
        return scalar
    }

    private mutating func codeUnit() throws(WireError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Hex.value(of: byte) else {
                throw refusal("four hex digits are missing")
            }
            unit = unit << 4 | UInt16(digit)
            offset += 1
        }
        return unit
    }
}

extension JSONValue {
    /// Parses a whole RFC 8259 document.
    ///
    /// Duplicate members, lone surrogates, invalid UTF-8, a byte order mark, text after the value and numbers beyond
    /// the range of a double are refused.
    public static func parse(
        _ bytes: some Collection<UInt8>, limits: JSONLimits = .standard
    ) throws(WireError) -> JSONValue {
        var parser = JSONParser(Array(bytes), limits: limits)
        return try parser.document()
    }

    /// Parses a whole document that is at hand as text; see ``parse(_:limits:)``.
    public static func parse(text: String, limits: JSONLimits = .standard) throws(WireError) -> JSONValue {
        try parse(text.utf8, limits: limits)
    }
}
