/// Asking for a value's type, and the casts of old policies.
extension Builtin {
    static let types: [Builtin] = [
        plain("type_name", 1) { .string($0.operand(1).typeName) },
        plain("is_null", 1) { .bool($0.operand(1).typeName == "null") },
        plain("is_boolean", 1) { .bool($0.operand(1).typeName == "boolean") },
        plain("is_number", 1) { .bool($0.operand(1).typeName == "number") },
        plain("is_string", 1) { .bool($0.operand(1).typeName == "string") },
        plain("is_array", 1) { .bool($0.operand(1).typeName == "array") },
        plain("is_object", 1) { .bool($0.operand(1).typeName == "object") },
        plain("is_set", 1) { .bool($0.operand(1).typeName == "set") },
        plain("to_number", 1, toNumber),
        plain("cast_null", 1) { (a: [Value]) throws(Failure) -> Value? in try cast(a, "null") },
        plain("cast_boolean", 1) { (a: [Value]) throws(Failure) -> Value? in try cast(a, "boolean") },
        plain("cast_string", 1) { (a: [Value]) throws(Failure) -> Value? in try cast(a, "string") },
        plain("cast_object", 1) { (a: [Value]) throws(Failure) -> Value? in try cast(a, "object") },
        plain("cast_array", 1) { (a: [Value]) throws(Failure) -> Value? in try .array(a.members(1, "array", "set")) },
        plain("cast_set", 1) { (a: [Value]) throws(Failure) -> Value? in
            if case .set = a.operand(1) { return a.operand(1) }
            return try .set(SetValue(a.members(1, "array", "set")))
        },
    ]

    private static func cast(_ arguments: [Value], _ type: String) throws(Failure) -> Value? {
        guard arguments.operand(1).typeName == type else { throw .operand(1, arguments.operand(1), type) }
        return arguments.operand(1)
    }

    private static func toNumber(_ arguments: [Value]) throws(Failure) -> Value? {
        switch arguments.operand(1) {
        case .null: return .int(0)
        case .bool(let bool): return .int(bool ? 1 : 0)
        case .number: return arguments.operand(1)
        case .string(let text):
            let name = String(decoding: text.string.utf8.drop { $0 == 43 || $0 == 45 }.map(ASCII.lower), as: UTF8.self)
            if name == "inf" || name == "infinity" || name == "nan" {
                throw .operand(1, arguments.operand(1), "valid number string")
            }
            guard let number = number(fromGo: text.string) else {
                throw .builtin("strconv.ParseFloat: parsing \(GoQuote.quote(text.string)): invalid syntax")
            }
            return .number(number)
        case let other: throw .operand(1, other, ["null", "boolean", "number", "string"])
        }
    }

    /// A decimal number as Go's `ParseFloat` takes it: also `+1`, `.5`, `5.` and leading zeros.
    static func number(fromGo text: String) -> Number? {
        var bytes = Array(text.utf8)
        guard bytes.count <= 1 << 16 else { return nil }
        if let number = Number(json: text) { return number }
        var isNegative = false
        if let first = bytes.first, first == 43 || first == 45 {
            isNegative = first == 45
            bytes.removeFirst()
        }
        let whole = bytes.prefix { ASCII.isDigit($0) }
        var rest = bytes.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == 46 {
            rest = rest.dropFirst()
            fraction = rest.prefix { ASCII.isDigit($0) }
            rest = rest.dropFirst(fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        let digits = whole.drop { $0 == 48 }
        return Number(
            json: (isNegative ? "-" : "") + (digits.isEmpty ? "0" : digits.string)
                + (fraction.isEmpty ? "" : ".") + fraction.string + rest.string)
    }
}
