/// `regex.*`.
extension Builtin {
    static let regularExpressions: [Builtin] = [
        Builtin("regex.match", 2, regexMatch),
        Builtin("re_match", 2, regexMatch),
        plain("regex.is_valid", 1) { (a: [Value]) throws(Failure) -> Value? in
            guard case .string(let text) = a.operand(1) else { return .bool(false) }
            do { return .bool(try RegexParser.parse(text.string).names.isEmpty == false) } catch { return .bool(false) }
        },
        Builtin("regex.split", 2, regexSplit),
        Builtin("regex.find_n", 3) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (text, matches) = try find(a, &c)
            return .array(matches.map { .string(text[$0[0]..<$0[1]].string) })
        },
        Builtin("regex.find_all_string_submatch_n", 3) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (text, matches) = try find(a, &c)
            return .array(
                matches.map { match in
                    .array(
                        (0..<(match.count / 2)).map { group in
                            .string(match[group * 2] < 0 ? "" : text[match[group * 2]..<match[group * 2 + 1]].string)
                        })
                })
        },
        Builtin("regex.replace", 3, regexReplace),
        Builtin("regex.template_match", 4, templateMatch),
        Builtin("regex.globs_match", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try .bool(GlobIntersection.isNonEmpty(a.string(1), a.string(2), c.charge))
        },
    ]

    /// The compiled pattern.
    private static func compiled(_ pattern: String, _ context: inout Context) throws(Failure) -> Regex {
        try regex(PatternKey(pattern: Text(pattern)), &context) { () throws(Failure) -> Regex in
            do throws(RegexError) { return try Regex(pattern) } catch { throw .builtin(error.description) }
        }
    }

    private static func regexMatch(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (pattern, text) = try (arguments.string(1), arguments.string(2))
        return try .bool(compiled(pattern, &context).isMatch(text, context.charge))
    }

    private static func find(
        _ arguments: [Value], _ context: inout Context
    ) throws(Failure) -> ([UInt8], [[Int]]) {
        let (pattern, text, count) = try (arguments.string(1), Array(arguments.string(2).utf8), arguments.int(3))
        let regex = try compiled(pattern, &context)
        return try (text, regex.matches(text, limit: count < 0 ? .max : count, context.charge))
    }

    private static func regexSplit(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (pattern, text) = try (arguments.string(1), Array(arguments.string(2).utf8))
        let regex = try compiled(pattern, &context)
        if text.isEmpty, !pattern.isEmpty { return .array([.string("")]) }
        var parts: [Value] = []
        var (begin, end) = (0, 0)
        for match in try regex.matches(text, context.charge) {
            end = match[0]
            if match[1] != 0 { parts.append(.string(text[begin..<end].string)) }
            begin = match[1]
        }
        if end != text.count { parts.append(.string(text[begin...].string)) }
        return .array(parts)
    }

    private static func regexReplace(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (text, pattern) = try (Array(arguments.string(1).utf8), arguments.string(2))
        let template = try Array(arguments.string(3).utf8)
        let regex = try compiled(pattern, &context)
        var result: [UInt8] = []
        var end = 0
        for match in try regex.matches(text, context.charge) {
            result += text[end..<match[0]]
            let before = result.count
            expand(template, match, text, regex.names, to: &result)
            try context.grow(result.count - before)
            guard result.count <= maximumResult else { throw .tooLarge("result") }
            end = match[1]
        }
        result += text[end...]
        return .string(result.string)
    }

    /// Go's templates: `$1`, `$name`, `${name}` and `$$`.
    private static func expand(
        _ template: [UInt8], _ match: [Int], _ text: [UInt8], _ names: [String], to result: inout [UInt8]
    ) {
        var index = 0
        while index < template.count {
            guard template[index] == 36 else {
                result.append(template[index])
                index += 1
                continue
            }
            index += 1
            if index < template.count, template[index] == 36 {
                result.append(36)
                index += 1
                continue
            }
            let isBraced = index < template.count && template[index] == 123
            let start = isBraced ? index + 1 : index
            var end = start
            while end < template.count, ASCII.isAlphanumeric(template[end]) || template[end] == 95 { end += 1 }
            guard end > start, !isBraced || end < template.count && template[end] == 125 else {
                result.append(36)
                continue
            }
            let name = template[start..<end].string
            index = isBraced ? end + 1 : end
            let isNumber = name.utf8.allSatisfy(ASCII.isDigit)
            let groups = isNumber ? [Int(name) ?? .max] : names.indices.filter { names[$0] == name }
            // Of several groups of one name, the first that took part.
            if let group = groups.first(where: { $0 < match.count / 2 && match[$0 * 2] >= 0 }) {
                result += text[match[group * 2]..<match[group * 2 + 1]]
            }
        }
    }

    private static func templateMatch(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (template, text) = try (Array(arguments.string(1).utf8), arguments.string(2))
        let (start, end) = try (Array(arguments.string(3).utf8), Array(arguments.string(4).utf8))
        guard start.count == 1 else {
            throw .builtin("start delimiter has to be exactly one character long but is \(start.count) long")
        }
        guard end.count == 1 else {
            throw .builtin("end delimiter has to be exactly one character long but is \(start.count) long")
        }
        let unbalanced = Failure.builtin("unbalanced braces in \(GoQuote.quote(template.string))")
        var pattern: [UInt8] = [94]
        var (level, partStart) = (0, 0)
        for (index, byte) in template.enumerated() {
            if byte == start[0] {
                level += 1
                if level == 1 {
                    pattern += quoted(template[partStart..<index])
                    partStart = index + 1
                }
            } else if byte == end[0] {
                level -= 1
                if level < 0 { throw unbalanced }
                if level == 0 {
                    pattern += [40] + template[partStart..<index] + [41]
                    partStart = index + 1
                }
            }
        }
        if level != 0 { throw unbalanced }
        pattern += quoted(template[partStart...]) + [36]
        return try .bool(compiled(pattern.string, &context).isMatch(text, context.charge))
    }

    private static func quoted(_ text: ArraySlice<UInt8>) -> [UInt8] {
        text.flatMap { "\\.+*?()|[]{}^$".utf8.contains($0) ? [92, $0] : [$0] }
    }
}
