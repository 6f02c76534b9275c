#if canImport(Glibc)
    import Glibc
#endif

/// How much of a JSON document is read before it is refused.
public struct JSONLimits: Sendable {
    /// Arrays and objects within one another.
    public var depth: Int
    /// Bytes of the document.
    public var bytes: Int

    /// Bounds of one's own.
    public init(depth: Int = 512, bytes: Int = 256 << 20) {
        self.depth = depth
        self.bytes = bytes
    }

    /// What an input or data document may have.
    public static let `default` = JSONLimits()
}

/// Reads JSON bytes into a value, in one pass, without a tree in between: inputs arrive with each decision.
public struct JSONReader {
    private let base: UnsafeRawPointer
    private let count: Int
    private var index = 0
    private var depth: Int
    /// Members of the arrays and objects that are still open; each takes its own off when it closes.
    private let values = ValueStack(capacity: 64)
    private let keys = ValueStack(capacity: 64)
    /// Where the keys stand in the document.
    private var spans: [KeySpan] = []

    /// A key's bytes, and its place among the keys of its object.
    private struct KeySpan {
        var start: Int
        var count: Int
        var place: Int
    }

    private init(_ bytes: UnsafeRawBufferPointer, at base: UnsafeRawPointer, depth: Int) {
        self.base = base
        count = bytes.count
        self.depth = depth
    }

    /// The value of a document. Of equal keys in an object the last is kept.
    public static func parse(_ bytes: [UInt8], limits: JSONLimits = .default) throws(RegoError) -> Value {
        let result = bytes.withUnsafeBytes { buffer -> Result<Value, RegoError> in
            do throws(RegoError) {
                return .success(try parse(buffer, limits: limits))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The value of a document in memory of someone else.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = .default
    ) throws(RegoError) -> Value {
        guard bytes.count <= limits.bytes else {
            throw RegoError("json_parse_error", "document has \(bytes.count) bytes, more than \(limits.bytes)")
        }
        guard let base = bytes.baseAddress else { throw RegoError("json_parse_error", "unexpected end at offset 0") }
        var reader = JSONReader(bytes, at: base, depth: limits.depth)
        reader.spans.reserveCapacity(64)
        reader.skipSpace()
        let value = try reader.value()
        reader.skipSpace()
        if reader.index < reader.count { throw reader.unexpected("after the value") }
        return value
    }

    /// The byte at the cursor; 0, which JSON holds nowhere, at the end.
    @inline(__always)
    private var byte: UInt8 { index < count ? base.load(fromByteOffset: index, as: UInt8.self) : 0 }

    private func unexpected(_ place: String) -> RegoError {
        let what =
            index >= count ? "end" : byte < 0x80 ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
        return RegoError("json_parse_error", "unexpected \(what) \(place) at offset \(index)")
    }

    @inline(__always)
    private mutating func skipSpace() {
        while index < count {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            index += 1
        }
    }

    private mutating func value() throws(RegoError) -> Value {
        switch byte {
        case UInt8(ascii: "\""):
            var isPlain = true
            return .string(try text(&isPlain))
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw unexpected("where a value should be")
        }
    }

    private mutating func word(_ word: StaticString, _ value: Value) throws(RegoError) -> Value {
        let start = index
        for offset in 0..<word.utf8CodeUnitCount {
            if byte != word.utf8Start[offset] {
                index = start
                throw unexpected("where a value should be")
            }
            index += 1
        }
        return value
    }

    private mutating func number() throws(RegoError) -> Number {
        let start = index
        scan: while index < count {
            switch base.load(fromByteOffset: index, as: UInt8.self) {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                index += 1
            default: break scan
            }
        }
        if let number = Number(json: UnsafeRawBufferPointer(start: base + start, count: index - start)) {
            return number
        }
        throw RegoError("json_parse_error", "invalid or too long a number at offset \(start)")
    }

    /// The string at the cursor. `isPlain` becomes false when its bytes in the document are not those of the string.
    private mutating func text(_ isPlain: inout Bool) throws(RegoError) -> Text {
        index += 1
        let start = index
        var seen: UInt64 = 0
        // Eight bytes at a time, up to the first quote, backslash or control character.
        while index + 8 <= count {
            let word = base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let quote = word ^ 0x2222_2222_2222_2222
            let slash = word ^ 0x5C5C_5C5C_5C5C_5C5C
            let ends =
                ((quote &- Self.ones) & ~quote) | ((slash &- Self.ones) & ~slash) | ((word &- 32 &* Self.ones) & ~word)
            if ends & Self.tops != 0 { break }
            seen |= word
            index += 8
        }
        while index < count {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            if byte == UInt8(ascii: "\"") {
                let content = UnsafeRawBufferPointer(start: base + start, count: index - start)
                index += 1
                if seen & Self.tops != 0 { isPlain = false }
                return Text(decoding: content)
            }
            if byte == UInt8(ascii: "\\") {
                isPlain = false
                return try escapedText(from: start)
            }
            if byte < 0x20 { break }
            seen |= UInt64(byte)
            index += 1
        }
        throw unexpected("in a string")
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080

    private mutating func escapedText(from start: Int) throws(RegoError) -> Text {
        while index < count, base.load(fromByteOffset: index, as: UInt8.self) != UInt8(ascii: "\""),
            base.load(fromByteOffset: index, as: UInt8.self) >= 0x20
        {
            index += base.load(fromByteOffset: index, as: UInt8.self) == UInt8(ascii: "\\") ? 2 : 1
        }
        guard byte == UInt8(ascii: "\"") else { throw unexpected("in a string") }
        guard let text = JSONEscapes.decode(UnsafeRawBufferPointer(start: base + start, count: index - start)) else {
            throw RegoError("json_parse_error", "invalid escape in the string at offset \(start - 1)")
        }
        index += 1
        return Text(text)
    }

    private mutating func enter() throws(RegoError) {
        depth -= 1
        if depth < 0 { throw RegoError("json_parse_error", "too deeply nested at offset \(index)") }
        index += 1
        skipSpace()
    }

    private mutating func array() throws(RegoError) -> Value {
        try enter()
        defer { depth += 1 }
        if byte == UInt8(ascii: "]") {
            index += 1
            return .array([])
        }
        let start = values.count
        while true {
            values.push(try value())
            skipSpace()
            if byte == UInt8(ascii: ",") {
                index += 1
                skipSpace()
            } else if byte == UInt8(ascii: "]") {
                index += 1
                return .array(values.pop(from: start))
            } else {
                throw unexpected("in an array")
            }
        }
    }

    private mutating func object() throws(RegoError) -> Value {
        try enter()
        defer { depth += 1 }
        if byte == UInt8(ascii: "}") {
            index += 1
            return .object(ObjectValue(sortedKeys: [], values: []))
        }
        let (start, first, span) = (keys.count, values.count, spans.count)
        var isPlain = true
        var isSorted = true
        while true {
            guard byte == UInt8(ascii: "\"") else { throw unexpected("where a key should be") }
            let from = index + 1
            keys.push(.string(try text(&isPlain)))
            let key = KeySpan(start: from, count: index - 1 - from, place: spans.count - span)
            if isSorted, key.place > 0 { isSorted = order(spans[spans.count - 1], key) < 0 }
            spans.append(key)
            skipSpace()
            guard byte == UInt8(ascii: ":") else { throw unexpected("after a key") }
            index += 1
            skipSpace()
            values.push(try value())
            skipSpace()
            if byte == UInt8(ascii: ",") {
                index += 1
                skipSpace()
            } else if byte == UInt8(ascii: "}") {
                index += 1
                break
            } else {
                throw unexpected("in an object")
            }
        }
        defer { spans.removeSubrange(span...) }
        if !isPlain {
            let pairs = zip(keys.pop(from: start), values.pop(from: first)).map { (key: $0, value: $1) }
            return .object(ObjectValue(pairs))
        }
        if isSorted {
            return .object(ObjectValue(sortedKeys: keys.pop(from: start), values: values.pop(from: first)))
        }
        let places = sort(from: span)
        return .object(
            ObjectValue(
                sortedKeys: keys.pop(from: start, places: places), values: values.pop(from: first, places: places)))
    }

    /// The order of two keys that stand in the document as they are.
    @inline(__always)
    private func order(_ left: KeySpan, _ right: KeySpan) -> Int {
        let order = memcmp(base + left.start, base + right.start, min(left.count, right.count))
        return order == 0 ? left.count - right.count : Int(order)
    }

    /// Places of the keys from `span` on in their order; of equal keys the last.
    private mutating func sort(from span: Int) -> [Int] {
        if spans.count - span <= 24 {
            for end in (span + 1)..<spans.count {
                let key = spans[end]
                var hole = end
                while hole > span, order(key, spans[hole - 1]) < 0 {
                    spans[hole] = spans[hole - 1]
                    hole -= 1
                }
                spans[hole] = key
            }
        } else {
            let sorted = spans[span...].sorted { one, other in
                let order = order(one, other)
                return order == 0 ? one.place < other.place : order < 0
            }
            spans.replaceSubrange(span..., with: sorted)
        }
        var places: [Int] = []
        places.reserveCapacity(spans.count - span)
        for index in span..<spans.count {
            if index > span, order(spans[index - 1], spans[index]) == 0 { places.removeLast() }
            places.append(spans[index].place)
        }
        return places
    }
}
