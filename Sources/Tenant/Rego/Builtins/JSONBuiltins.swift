/// `json.marshal` and its relatives.
extension Builtin {
    static let json: [Builtin] = [
        Builtin("json.marshal", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try measure(a.operand(1), &c)
            return .string(a.operand(1).json().string)
        },
        Builtin("json.marshal_with_options", 2, marshal),
        Builtin("json.unmarshal", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let text = try Array(a.string(1).utf8)
            try c.charge(text.count)
            return try unmarshal(text)
        },
        Builtin("json.is_valid", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            guard case .string(let text) = a.operand(1) else { return .bool(false) }
            try c.charge(text.string.utf8.count)
            do {
                _ = try JSONReader.parse(Array(text.string.utf8))
                return .bool(true)
            } catch { return .bool(false) }
        },
    ]

    private static func unmarshal(_ text: [UInt8]) throws(Failure) -> Value {
        do throws(RegoError) { return try JSONReader.parse(text) } catch { throw .builtin(error.message) }
    }

    /// Charges for every member and byte before anything is written: a small value can be many times the same part.
    static func measure(_ value: Value, _ context: inout Context) throws(Failure) {
        var total = 0
        try measure(value, &total, 0, &context)
    }

    /// `keyDepth`: within how many keys that are no strings the value is; each escapes what it holds once more.
    private static func measure(
        _ value: Value, _ total: inout Int, _ keyDepth: Int, _ context: inout Context
    ) throws(Failure) {
        var size = 4
        switch value {
        case .null, .bool: break
        case .number(let number): size = number.int == nil ? number.description.utf8.count : 8
        case .string(let text): size = text.string.utf8.count + 2
        case .array(let members): for member in members { try measure(member, &total, keyDepth, &context) }
        case .set(let set): for member in set.members { try measure(member, &total, keyDepth, &context) }
        case .object(let object):
            for key in object.keys {
                if case .string = key {
                    try measure(key, &total, keyDepth, &context)
                } else {
                    try measure(key, &total, keyDepth + 1, &context)
                }
            }
            for member in object.values { try measure(member, &total, keyDepth, &context) }
        }
        size <<= min(keyDepth, JSONWriter.keyLimit + 1)
        total += size
        try context.grow(size)
        guard total <= maximumResult else { throw .tooLarge("result") }
    }

    private static func marshal(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let options = try arguments.object(2)
        var (prefix, indent) = ("", "\t")
        var pretty: Bool?
        for (key, value) in zip(options.keys, options.values) {
            guard case .string(let name) = key else {
                throw .operand(
                    2,
                    "failed to stringify key \(try key.regoText(context.charge)) at index 0: operand 0 must be string but got \(key.typeName)"
                )
            }
            switch (name.string, value) {
            case ("prefix", .string(let text)): prefix = text.string
            case ("indent", .string(let text)): indent = text.string
            case ("prefix", _), ("indent", _):
                throw .operand(
                    2, "key \(name) failed cast to string: operand 0 must be string but got \(value.typeName)")
            case ("pretty", .bool(let bool)): pretty = bool
            case ("pretty", _): throw .operand(2, "key \(name) failed cast to bool")
            default: throw .operand(2, "object contained unknown key \(name)")
            }
        }
        let isPretty = pretty ?? (options["prefix"] != nil || options["indent"] != nil)
        let value = arguments.operand(1)
        try measure(value, &context)
        guard isPretty else { return .string(value.json().string) }
        var bytes = Array(prefix.utf8)
        try indented(value, prefix, indent, 0, to: &bytes, &context)
        return .string(bytes.string)
    }

    /// Members on lines of their own, as Go's `MarshalIndent`.
    private static func indented(
        _ value: Value, _ prefix: String, _ indent: String, _ depth: Int, to bytes: inout [UInt8],
        _ context: inout Context
    ) throws(Failure) {
        func newLine(_ depth: Int) throws(Failure) {
            let count = prefix.utf8.count + indent.utf8.count * depth + 1
            try context.grow(count)
            guard bytes.count + count <= maximumResult else { throw .tooLarge("result") }
            bytes.append(10)
            bytes += prefix.utf8
            for _ in 0..<depth { bytes += indent.utf8 }
        }
        let members: [Value]
        var keys: [Value]?
        switch value {
        case .array(let array): members = array
        case .set(let set): members = set.members
        case .object(let object): (members, keys) = (object.values, object.keys)
        default:
            bytes += value.json()
            return
        }
        bytes.append(keys == nil ? 91 : 123)
        for (index, member) in members.enumerated() {
            if index > 0 { bytes.append(44) }
            try newLine(depth + 1)
            if let keys {
                let key = keys[index]
                if case .string = key { bytes += key.json() } else { bytes += Value.string(key.json().string).json() }
                bytes += [58, 32]
            }
            try indented(member, prefix, indent, depth + 1, to: &bytes, &context)
        }
        if !members.isEmpty { try newLine(depth) }
        bytes.append(keys == nil ? 93 : 125)
    }
}
