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
    private let bytes: UnsafeRawBufferPointer
    private var index = 0
    private var depth: Int
    /// Members of the arrays and objects that are still open; each takes its own off when it closes.
    private var values: [Value] = []
    private var keys: [Value] = []

    private init(_ bytes: UnsafeRawBufferPointer, depth: Int) {
        self.bytes = bytes
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
        var reader = JSONReader(bytes, depth: limits.depth)
        reader.keys.reserveCapacity(64)
        reader.values.reserveCapacity(64)
        reader.skipSpace()
        let value = try reader.value()
        reader.skipSpace()
        if reader.index < bytes.count { throw reader.unexpected("after the value") }
        return value
    }

    /// The byte at the cursor; 0, which JSON holds nowhere, at the end.
    @inline(__always)
    private var byte: UInt8 { index < bytes.count ? bytes[index] : 0 }

    private func unexpected(_ place: String) -> RegoError {
        let what =
            index >= bytes.count ? "end" : byte < 0x80 ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
        return RegoError("json_parse_error", "unexpected \(what) \(place) at offset \(index)")
    }

    @inline(__always)
    private mutating func skipSpace() {
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            index += 1
        }
    }

    private mutating func value() throws(RegoError) -> Value {
        switch byte {
        case UInt8(ascii: "\""): return .string(try text())
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
        scan: while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                index += 1
            default: break scan
            }
        }
        if let number = Number(json: UnsafeRawBufferPointer(rebasing: bytes[start..<index])) { return number }
        throw RegoError("json_parse_error", "invalid or too long a number at offset \(start)")
    }

    private mutating func text() throws(RegoError) -> Text {
        index += 1
        let start = index
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                let content = UnsafeRawBufferPointer(rebasing: bytes[start..<index])
                index += 1
                return Text(String(decoding: content, as: UTF8.self))
            }
            if byte == UInt8(ascii: "\\") { return try escapedText(from: start) }
            if byte < 0x20 { break }
            index += 1
        }
        throw unexpected("in a string")
    }

    private mutating func escapedText(from start: Int) throws(RegoError) -> Text {
        while index < bytes.count, bytes[index] != UInt8(ascii: "\""), bytes[index] >= 0x20 {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard byte == UInt8(ascii: "\"") else { throw unexpected("in a string") }
        guard let text = JSONEscapes.decode(UnsafeRawBufferPointer(rebasing: bytes[start..<index])) else {
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
            values.append(try value())
            skipSpace()
            if byte == UInt8(ascii: ",") {
                index += 1
                skipSpace()
            } else if byte == UInt8(ascii: "]") {
                index += 1
                break
            } else {
                throw unexpected("in an array")
            }
        }
        let members = Array(values[start...])
        values.removeSubrange(start...)
        return .array(members)
    }

    private mutating func object() throws(RegoError) -> Value {
        try enter()
        defer { depth += 1 }
        if byte == UInt8(ascii: "}") {
            index += 1
            return .object(ObjectValue(sortedKeys: [], values: []))
        }
        let (start, first) = (keys.count, values.count)
        var isSorted = true
        var last: Text?
        while true {
            guard byte == UInt8(ascii: "\"") else { throw unexpected("where a key should be") }
            let key = try text()
            if let last, Text.order(last, key) >= 0 { isSorted = false }
            last = key
            keys.append(.string(key))
            skipSpace()
            guard byte == UInt8(ascii: ":") else { throw unexpected("after a key") }
            index += 1
            skipSpace()
            values.append(try value())
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
        defer {
            keys.removeSubrange(start...)
            values.removeSubrange(first...)
        }
        if isSorted {
            return .object(ObjectValue(sortedKeys: Array(keys[start...]), values: Array(values[first...])))
        }
        return .object(Self.sorted(keys[start...], values[first...]))
    }

    private static func sorted(_ keys: ArraySlice<Value>, _ values: ArraySlice<Value>) -> ObjectValue {
        var places = Array(0..<keys.count)
        let (start, first) = (keys.startIndex, values.startIndex)
        // Equal keys stay in their order, so that the last of them wins below.
        places.sort { one, other in
            let order = Value.order(keys[start + one], keys[start + other])
            return order == 0 ? one < other : order < 0
        }
        var sortedKeys: [Value] = []
        var sortedValues: [Value] = []
        sortedKeys.reserveCapacity(places.count)
        sortedValues.reserveCapacity(places.count)
        for place in places {
            let key = keys[start + place]
            if let last = sortedKeys.last, Value.order(last, key) == 0 {
                sortedValues[sortedValues.count - 1] = values[first + place]
            } else {
                sortedKeys.append(key)
                sortedValues.append(values[first + place])
            }
        }
        return ObjectValue(sortedKeys: sortedKeys, values: sortedValues)
    }
}
