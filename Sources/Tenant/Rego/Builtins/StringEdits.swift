/// Strings changed: case, trimming, replacing, numbers as text.
extension Builtin {
    static let stringEdits: [Builtin] = [
        Builtin("lower", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let text = try a.string(1)
            try c.charge(text.utf8.count)
            return .string(LetterCase.lower(text))
        },
        Builtin("upper", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let text = try a.string(1)
            try c.charge(text.utf8.count)
            return .string(LetterCase.upper(text))
        },
        plain("trim", 2) { (a: [Value]) throws(Failure) -> Value? in try trim(a, left: true, right: true) },
        plain("trim_left", 2) { (a: [Value]) throws(Failure) -> Value? in try trim(a, left: true, right: false) },
        plain("trim_right", 2) { (a: [Value]) throws(Failure) -> Value? in try trim(a, left: false, right: true) },
        plain("trim_prefix", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (text, prefix) = try (Array(a.string(1).utf8), a.string(2).utf8)
            return .string((text.hasPrefix(prefix) ? text.dropFirst(prefix.count) : text[...]).string)
        },
        plain("trim_suffix", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (text, suffix) = try (Array(a.string(1).utf8), a.string(2).utf8)
            return .string((text.hasSuffix(suffix) ? text.dropLast(suffix.count) : text[...]).string)
        },
        plain("trim_space", 1) { (a: [Value]) throws(Failure) -> Value? in
            .string(trim(try a.string(1), left: true, right: true) { $0.properties.isWhitespace })
        },
        Builtin("replace", 3) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (text, old, new) = try (a.string(1), a.string(2), a.string(3))
            return try .string(replace(text, [(Array(old.utf8), Array(new.utf8))], &c))
        },
        Builtin("strings.replace_n", 2, replaceMany),
        plain("format_int", 2, formatInteger),
    ]

    private static func trim(_ arguments: [Value], left: Bool, right: Bool) throws(Failure) -> Value? {
        let (text, cutset) = try (arguments.string(1), Set(arguments.string(2).unicodeScalars))
        return .string(trim(text, left: left, right: right) { cutset.contains($0) })
    }

    private static func trim(
        _ text: String, left: Bool, right: Bool, _ isCut: (Unicode.Scalar) -> Bool
    ) -> String {
        var scalars = text.unicodeScalars[...]
        if left { scalars = scalars.drop(while: isCut) }
        while right, let last = scalars.last, isCut(last) { scalars.removeLast() }
        return String(scalars)
    }

    private static func replaceMany(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let patterns = try arguments.object(1)
        let text = try arguments.string(2)
        var pairs: [([UInt8], [UInt8])] = []
        for (key, value) in zip(patterns.keys, patterns.values) {
            guard case .string(let old) = key else { throw .operand(1, "non-string key found in pattern object") }
            guard case .string(let new) = value else {
                throw .operand(1, "non-string value found in pattern object")
            }
            pairs.append((Array(old.string.utf8), Array(new.string.utf8)))
        }
        return try .string(replace(text, pairs, &context))
    }

    /// Go's `Replacer`: at each place the first pair in order whose old text stands there; an empty old text matches
    /// at every scalar where no other does, and at the end.
    private static func replace(
        _ text: String, _ pairs: [(old: [UInt8], new: [UInt8])], _ context: inout Context
    ) throws(Failure) -> String {
        let bytes = Array(text.utf8)
        if pairs.isEmpty { return text }
        if pairs.count == 1, let pair = pairs.first, !pair.old.isEmpty {
            return try replace(bytes, pair.old, pair.new, &context)
        }
        // Pairs by their first byte, so that few are tried at each place.
        var byFirst = [[Int]](repeating: [], count: 256)
        var empty: Int?
        for (index, pair) in pairs.enumerated() {
            if let first = pair.old.first { byFirst[Int(first)].append(index) } else { empty = empty ?? index }
        }
        var result: [UInt8] = []
        var place = 0
        var afterMatch = false
        while place < bytes.count {
            var tried = 1
            let match = byFirst[Int(bytes[place])].first { index in
                tried += 1 + pairs[index].old.count
                return empty.map { index < $0 } ?? true && starts(bytes, at: place, pairs[index].old)
            }
            try context.charge(tried)
            if let match {
                result += pairs[match].new
                try context.grow(pairs[match].new.count)
                place += pairs[match].old.count
                afterMatch = true
                continue
            }
            if let empty, bytes[place] & 0xC0 != 0x80, !afterMatch { result += pairs[empty].new }
            afterMatch = false
            result.append(bytes[place])
            place += 1
            guard result.count <= maximumResult else { throw .tooLarge("result") }
        }
        if let empty, !afterMatch { result += pairs[empty].new }
        return result.string
    }

    private static func starts(_ bytes: [UInt8], at place: Int, _ part: [UInt8]) -> Bool {
        guard bytes.count - place >= part.count else { return false }
        for index in part.indices where bytes[place + index] != part[index] { return false }
        return true
    }

    private static func replace(
        _ bytes: [UInt8], _ old: [UInt8], _ new: [UInt8], _ context: inout Context
    ) throws(Failure) -> String {
        let places = ByteSearch(old).all(in: bytes)
        try context.grow(bytes.count + places.count * max(0, new.count - old.count))
        var result: [UInt8] = []
        var start = 0
        for place in places {
            result += bytes[start..<place]
            result += new
            start = place + old.count
        }
        result += bytes[start...]
        return result.string
    }

    private static func formatInteger(_ arguments: [Value]) throws(Failure) -> Value? {
        let (number, base) = try (arguments.number(1), arguments.number(2))
        guard let radix = base.int, [2, 8, 10, 16].contains(radix) else {
            throw .operand(2, "must be one of {2, 8, 10, 16}")
        }
        let truncated = number.isNegative ? number.ceiling : number.floor
        return .string((truncated.bigInteger ?? .zero).text(radix: radix))
    }
}
