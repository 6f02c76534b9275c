/// `glob.*`: patterns with `*`, `**`, `?`, `[abc]`, `[a-z]`, `[!a]` and `{a,b}`, turned into regular expressions.
extension Builtin {
    static let globs: [Builtin] = [
        Builtin("glob.match", 3, globMatch),
        plain("glob.quote_meta", 1) { (a: [Value]) throws(Failure) -> Value? in
            let text = try a.string(1)
            return .string(text.utf8.flatMap { "*?\\[]{}".utf8.contains($0) ? [92, $0] : [$0] }.string)
        },
    ]

    private static func globMatch(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let pattern = try arguments.string(1)
        var delimiters: [UInt32] = []
        switch arguments.operand(2) {
        case .null: break
        case .array(let members):
            for member in members {
                guard case .string(let text) = member else {
                    throw .element(2, arguments.operand(2), member, "string")
                }
                guard text.string.unicodeScalars.count == 1, let scalar = text.string.unicodeScalars.first else {
                    throw .element(2, arguments.operand(2), member, "rune")
                }
                delimiters.append(scalar.value)
            }
            if members.isEmpty { delimiters = [46] }
        case let other: throw .operand(2, other, ["array", "null"])
        }
        let text = try arguments.string(3)
        let key = PatternKey(pattern: Text(pattern), delimiters: delimiters)
        let regex = try regex(key, &context) { () throws(Failure) -> Regex in
            var parser = GlobParser(pattern, ScalarSet(delimiters.map { $0...$0 }).inverted)
            let node = try parser.parse()
            do throws(RegexError) { return try Regex(node, pattern: pattern) } catch {
                throw .builtin("glob: \(error.code.rawValue)")
            }
        }
        return try .bool(regex.isMatch(text, context.charge))
    }
}

/// Reads one glob.
private struct GlobParser {
    private let text: [Unicode.Scalar]
    private let free: ScalarSet
    private var place = 0

    init(_ pattern: String, _ free: ScalarSet) {
        text = Array(pattern.unicodeScalars)
        self.free = free
    }

    mutating func parse() throws(Builtin.Failure) -> RegexNode {
        guard text.count <= RegexParser.longest else { throw .builtin("glob is too large") }
        // Open braces: alternatives before, and the items of the current one.
        var open: [(alternatives: [RegexNode], items: [RegexNode])] = [([], [])]
        while place < text.count {
            let scalar = text[place]
            place += 1
            var node: RegexNode?
            switch scalar {
            case "*":
                let isSuper = place < text.count && text[place] == "*"
                if isSuper { place += 1 }
                node = .repetition(.set(isSuper ? .all : free), minimum: 0, maximum: nil, isGreedy: true)
            case "?": node = .set(free)
            case "[": node = .set(try bracket())
            case "{":
                guard open.count < 100 else { throw .builtin("glob nests too deeply") }
                open.append(([], []))
            case "," where open.count > 1:
                let last = open.count - 1
                open[last].alternatives.append(.join(open[last].items))
                open[last].items = []
            case "}" where open.count > 1:
                guard let group = open.popLast() else { break }
                node = .alternation(group.alternatives + [.join(group.items)])
            case "\\" where place < text.count:
                node = .set(ScalarSet(text[place].value))
                place += 1
            default: node = .set(ScalarSet(scalar.value))
            }
            if let node { open[open.count - 1].items.append(node) }
        }
        guard open.count == 1 else { throw .builtin("unexpected end of input") }
        return .join([.assertion(.textBegin)] + open[0].items + [.assertion(.textEnd)])
    }

    /// After `[`: one range or a list of characters.
    private mutating func bracket() throws(Builtin.Failure) -> ScalarSet {
        let isNegated = place < text.count && text[place] == "!"
        if isNegated { place += 1 }
        let set: ScalarSet
        if place + 2 < text.count, text[place + 1] == "-" {
            let (low, high) = (text[place].value, text[place + 2].value)
            guard low <= high else {
                throw .builtin("hi character '\(text[place + 2])' should be greater than lo '\(text[place])'")
            }
            set = ScalarSet([low...high])
            place += 3
            guard place < text.count else { throw .builtin("unexpected end of input") }
            guard text[place] == "]" else { throw .builtin("expected close range character") }
        } else {
            var members: [ClosedRange<UInt32>] = []
            while place < text.count, text[place] != "]" {
                if text[place] == "\\", place + 1 < text.count { place += 1 }
                members.append(text[place].value...text[place].value)
                place += 1
            }
            guard place < text.count else { throw .builtin("unexpected end of input") }
            set = ScalarSet(members)
        }
        place += 1
        return isNegated ? set.inverted : set
    }
}
