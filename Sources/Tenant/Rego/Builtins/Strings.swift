/// Searching and cutting strings: bytes and Unicode scalars, never grapheme clusters.
extension Builtin {
    static let strings: [Builtin] = [
        plain("contains", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (text, part) = try (a.string(1), a.string(2))
            return .bool(ByteSearch(part.utf8).first(in: Array(text.utf8)) != nil)
        },
        plain("startswith", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (text, prefix) = try (a.string(1), a.string(2))
            return .bool(Array(text.utf8).hasPrefix(prefix.utf8))
        },
        plain("endswith", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (text, suffix) = try (a.string(1), a.string(2))
            return .bool(Array(text.utf8).hasSuffix(suffix.utf8))
        },
        Builtin("concat", 2, concat),
        Builtin("split", 2, split),
        plain("indexof", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (text, search) = try searched(a)
            return .int(search.first(in: text).map { scalarCount(text[..<$0]) } ?? -1)
        },
        Builtin("indexof_n", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (text, search) = try searched(a)
            let places = search.overlapping(in: text)
            try c.growMembers(places.count)
            var (scalars, offset) = (0, 0)
            return .array(
                places.map { place in
                    scalars += scalarCount(text[offset..<place])
                    offset = place
                    return .int(scalars)
                })
        },
        plain("substring", 3, substring),
        plain("strings.count", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (text, part) = try (a.string(1), a.string(2))
            if part.isEmpty { return .int(text.unicodeScalars.count + 1) }
            return .int(ByteSearch(part.utf8).all(in: Array(text.utf8)).count)
        },
        Builtin("strings.reverse", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let text = try a.string(1)
            try c.charge(text.utf8.count)
            var reversed = String.UnicodeScalarView()
            reversed.append(contentsOf: text.unicodeScalars.reversed())
            return .string(String(reversed))
        },
        Builtin("strings.any_prefix_match", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (texts, prefixes) = try (a.strings(1), a.strings(2))
            return try .bool(anyPrefix(texts.map { Array($0.utf8) }, prefixes.map { Array($0.utf8) }, &c))
        },
        Builtin("strings.any_suffix_match", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (texts, suffixes) = try (a.strings(1), a.strings(2))
            return try .bool(
                anyPrefix(texts.map { $0.utf8.reversed() }, suffixes.map { $0.utf8.reversed() }, &c))
        },
    ]

    static func scalarCount(_ bytes: some Sequence<UInt8>) -> Int {
        bytes.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    }

    private static func searched(_ arguments: [Value]) throws(Failure) -> ([UInt8], ByteSearch) {
        let (text, search) = try (arguments.string(1), arguments.string(2))
        if search.isEmpty { throw .builtin("empty search character") }
        return (Array(text.utf8), ByteSearch(search.utf8))
    }

    private static func concat(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let separator = try arguments.string(1).utf8
        let members = try arguments.members(2, "set", "array")
        var bytes: [UInt8] = []
        for (index, member) in members.enumerated() {
            guard case .string(let text) = member else {
                throw .element(2, arguments.operand(2), member, "string")
            }
            try context.charge(separator.count + text.string.utf8.count)
            guard bytes.count <= maximumResult else { throw .tooLarge("result") }
            if index > 0 { bytes += separator }
            bytes += text.string.utf8
        }
        return .string(bytes.string)
    }

    private static func split(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (text, separator) = try (arguments.string(1), arguments.string(2))
        try context.charge(text.utf8.count)
        if separator.isEmpty { try context.growMembers(scalarCount(text.utf8)) }
        if separator.isEmpty { return .array(text.unicodeScalars.map { .string(String($0)) }) }
        let bytes = Array(text.utf8)
        let search = ByteSearch(separator.utf8)
        var parts: [Value] = []
        var start = 0
        let places = search.all(in: bytes)
        try context.growMembers(places.count + 1)
        for place in places {
            parts.append(.string(bytes[start..<place].string))
            start = place + search.needle.count
        }
        parts.append(.string(bytes[start...].string))
        return .array(parts)
    }

    private static func substring(_ arguments: [Value]) throws(Failure) -> Value? {
        let text = try arguments.string(1)
        let (start, length) = try (arguments.int(2), arguments.int(3))
        if start < 0 { throw .builtin("negative offset") }
        let rest = text.unicodeScalars.dropFirst(start)
        return .string(String(String.UnicodeScalarView(length < 0 ? rest : rest.prefix(length))))
    }

    /// Whether any of `texts` begins with any of `prefixes`: looked up between the sorted texts.
    private static func anyPrefix(
        _ texts: [[UInt8]], _ prefixes: [[UInt8]], _ context: inout Context
    ) throws(Failure) -> Bool {
        try context.charge(texts.reduce(0) { $0 + $1.count } + prefixes.reduce(0) { $0 + $1.count })
        let sorted = texts.sorted { $0.lexicographicallyPrecedes($1) }
        return prefixes.contains { prefix in
            var (low, high) = (0, sorted.count)
            while low < high {
                let middle = (low + high) / 2
                if sorted[middle].lexicographicallyPrecedes(prefix) { low = middle + 1 } else { high = middle }
            }
            return low < sorted.count && sorted[low].hasPrefix(prefix)
        }
    }
}
