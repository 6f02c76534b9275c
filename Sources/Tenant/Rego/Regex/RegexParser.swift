/// Parses RE2 syntax, as Go's `regexp/syntax` with Perl flags.
struct RegexParser {
    struct Flags {
        var foldsCase = false
        var multiline = false
        var dotTakesNewline = false
        var isUngreedy = false
    }

    /// An open group: its alternatives so far, and what is put back when it closes.
    private struct Group {
        var alternatives: [RegexNode] = []
        var items: [RegexNode] = []
        /// The number of the capture; nil for a group that captures nothing.
        var capture: Int?
        var flagsBefore: Flags

        var node: RegexNode {
            alternatives.isEmpty ? .join(items) : .alternation(alternatives + [.join(items)])
        }
    }

    let text: [Unicode.Scalar]
    var place = 0
    var flags = Flags()
    private var groups: [Group]
    /// The names of the captures; the first is the whole match.
    private(set) var names: [String] = [""]

    static let deepest = 1000
    static let longest = 1 << 16

    private init(_ pattern: String) {
        text = Array(pattern.unicodeScalars)
        groups = [Group(flagsBefore: Flags())]
    }

    static func parse(_ pattern: String) throws(RegexError) -> (node: RegexNode, names: [String]) {
        guard pattern.utf8.count <= longest else {
            throw RegexError(code: .large, expression: String(pattern.prefix(64)))
        }
        var parser = RegexParser(pattern)
        try parser.run()
        guard parser.groups.count == 1 else { throw RegexError(code: .missingParenthesis, expression: pattern) }
        return (parser.groups[0].node, parser.names)
    }

    func error(_ code: RegexError.Code, _ start: Int, _ end: Int? = nil) -> RegexError {
        var scalars = String.UnicodeScalarView()
        let end = min(end ?? text.count, text.count)
        scalars.append(contentsOf: text[min(start, end)..<end])
        return RegexError(code: code, expression: String(scalars))
    }

    func peek(_ ahead: Int = 0) -> Unicode.Scalar? { place + ahead < text.count ? text[place + ahead] : nil }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek() == scalar else { return false }
        place += 1
        return true
    }

    private mutating func append(_ node: RegexNode) { groups[groups.count - 1].items.append(node) }

    private mutating func run() throws(RegexError) {
        var lastRepeat: Int?
        while let scalar = peek() {
            let start = place
            var isRepeat = false
            switch scalar {
            case "(": try open()
            case "|":
                place += 1
                groups[groups.count - 1].alternatives.append(.join(groups[groups.count - 1].items))
                groups[groups.count - 1].items = []
            case ")": try close()
            case "^":
                place += 1
                append(.assertion(flags.multiline ? .lineBegin : .textBegin))
            case "$":
                place += 1
                append(.assertion(flags.multiline ? .lineEnd : .textEnd))
            case ".":
                place += 1
                append(.set(flags.dotTakesNewline ? .all : ScalarSet(10).inverted))
            case "[": append(.set(try bracket()))
            case "*", "+", "?":
                place += 1
                try repeated(scalar == "+" ? 1 : 0, scalar == "?" ? 1 : nil, from: start, lastRepeat)
                isRepeat = true
            case "{":
                if let (minimum, maximum) = try counts() {
                    try repeated(minimum, maximum, from: start, lastRepeat)
                    isRepeat = true
                } else {
                    place += 1
                    literal("{")
                }
            case "\\": try backslash()
            default:
                place += 1
                literal(scalar)
            }
            lastRepeat = isRepeat ? start : nil
        }
    }

    private mutating func literal(_ scalar: Unicode.Scalar) { literal(scalar.value) }

    private mutating func literal(_ value: UInt32) {
        let set = ScalarSet(value)
        append(.set(flags.foldsCase ? set.folded : set))
    }

    private mutating func close() throws(RegexError) {
        place += 1
        guard groups.count > 1, let group = groups.popLast() else { throw error(.unexpectedParenthesis, 0) }
        flags = group.flagsBefore
        append(group.capture.map { .capture(group.node, index: $0) } ?? group.node)
    }

    private mutating func open() throws(RegexError) {
        guard groups.count <= Self.deepest else { throw error(.nestingDepth, 0) }
        guard peek(1) == "?" else {
            place += 1
            groups.append(Group(capture: names.count, flagsBefore: flags))
            names.append("")
            return
        }
        let start = place
        let named = peek(2) == "P" && peek(3) == "<" && place + 4 < text.count ? 4 : peek(2) == "<" ? 3 : nil
        if let named {
            guard let end = text[place...].firstIndex(of: ">") else { throw error(.invalidNamedCapture, start) }
            let name = text[min(start + named, end)..<end]
            guard !name.isEmpty, name.allSatisfy(Self.isWord) else {
                throw error(.invalidNamedCapture, start, end + 1)
            }
            place = end + 1
            groups.append(Group(capture: names.count, flagsBefore: flags))
            names.append(String(String.UnicodeScalarView(name)))
            return
        }
        place += 2
        var changed = flags
        var (sets, sawFlag) = (true, false)
        while let scalar = peek() {
            place += 1
            switch scalar {
            case "i": changed.foldsCase = sets
            case "m": changed.multiline = sets
            case "s": changed.dotTakesNewline = sets
            case "U": changed.isUngreedy = sets
            case "-" where sets:
                (sets, sawFlag) = (false, false)
                continue
            case ":" where sets || sawFlag:
                groups.append(Group(flagsBefore: flags))
                flags = changed
                return
            case ")" where sets || sawFlag:
                flags = changed
                return
            default: throw error(.invalidPerlOperator, start, place)
            }
            sawFlag = true
        }
        throw error(.missingParenthesis, 0)
    }

    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.isASCII && ASCII.isAlphanumeric(UInt8(scalar.value))
    }

    /// `{n}`, `{n,}` or `{n,m}`; nil (and nothing taken) for anything else, which is then literal.
    private mutating func counts() throws(RegexError) -> (Int, Int?)? {
        let start = place
        place += 1
        guard let minimum = count() else {
            place = start
            return nil
        }
        var maximum: Int? = minimum
        if take(",") {
            maximum = nil
            if peek() != "}" {
                guard let count = count() else {
                    place = start
                    return nil
                }
                maximum = count
            }
        }
        guard take("}") else {
            place = start
            return nil
        }
        guard minimum <= 1000, maximum.map({ $0 <= 1000 && $0 >= minimum }) ?? true else {
            throw error(.invalidRepeatSize, start, place)
        }
        return (minimum, maximum)
    }

    private mutating func count() -> Int? {
        let start = place
        var value = 0
        while let scalar = peek(), scalar.value >= 48, scalar.value <= 57 {
            value = min(value * 10 + Int(scalar.value - 48), 100_000)
            place += 1
        }
        guard place > start, place == start + 1 || text[start] != "0" else { return nil }
        return value
    }

    private mutating func repeated(
        _ minimum: Int, _ maximum: Int?, from start: Int, _ lastRepeat: Int?
    ) throws(RegexError) {
        let isGreedy = take("?") == flags.isUngreedy
        if let lastRepeat { throw error(.invalidRepeatOperator, lastRepeat, place) }
        guard let node = groups[groups.count - 1].items.popLast() else {
            throw error(.missingRepeatArgument, start, place)
        }
        let result = RegexNode.repetition(node, minimum: minimum, maximum: maximum, isGreedy: isGreedy)
        if minimum >= 2 || (maximum ?? 0) >= 2, !Self.fits(result, 1000) {
            throw error(.invalidRepeatSize, start, place)
        }
        append(result)
    }

    /// Whether nested counts multiply to no more than `limit`.
    private static func fits(_ node: RegexNode, _ limit: Int) -> Bool {
        switch node {
        case .empty, .set, .assertion: return true
        case .concatenation(let nodes), .alternation(let nodes): return nodes.allSatisfy { fits($0, limit) }
        case .capture(let node, _): return fits(node, limit)
        case .repetition(let node, let minimum, let maximum, _):
            let most = maximum ?? minimum
            if (maximum ?? 2) == 0 { return true }
            if most > limit { return false }
            return fits(node, most > 1 ? limit / most : limit)
        }
    }

    private mutating func backslash() throws(RegexError) {
        switch peek(1) {
        case "A": assert(.textBegin)
        case "z": assert(.textEnd)
        case "b": assert(.wordBoundary)
        case "B": assert(.noWordBoundary)
        case "C": throw error(.invalidEscape, place, place + 2)
        case "Q":
            place += 2
            while let scalar = peek() {
                place += 1
                if scalar == "\\", take("E") { break }
                literal(scalar)
            }
        default:
            if let set = try namedClass() {
                append(.set(set))
            } else {
                literal(try escape())
            }
        }
    }

    private mutating func assert(_ assertion: RegexAssertion) {
        place += 2
        append(.assertion(assertion))
    }
}
