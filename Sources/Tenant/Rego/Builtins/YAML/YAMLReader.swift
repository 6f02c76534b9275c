/// Reads the YAML that policies and their annotations use: block and flow collections, plain, quoted and block scalars,
/// comments, anchors, aliases, merge keys and the tags of scalars. Of several documents the first is read, as Go's
/// `yaml.v2` does.
struct YAMLReader {
    struct Mistake: Error {
        var text: String
    }

    /// What is left of a line, and the column where it begins.
    struct Line {
        var indent: Int
        var text: ArraySlice<UInt8>
    }

    static let deepest = 100
    static let longest = 1 << 22

    var lines: [ArraySlice<UInt8>]
    var row = 0
    /// The line at `row` when its beginning has been taken.
    var current: Line?
    /// What has a name, and of how many nodes it is.
    var anchors: [String: (value: Value, size: Int)] = [:]
    /// Nodes so far, with those that aliases stand for.
    var size = 0
    /// The tag of the scalar that is read next.
    var tag: String?

    private init(_ text: String) {
        lines = Array(text.utf8).split(separator: 10, omittingEmptySubsequences: false).map { line in
            line.last == 13 ? line.dropLast() : line
        }
    }

    static func parse(_ text: String) throws(Mistake) -> Value {
        guard text.utf8.count <= longest else { throw Mistake(text: "yaml: document is too large") }
        var reader = YAMLReader(text)
        try reader.skipDirectives()
        let value = try reader.block(0, 0)
        if let line = try reader.line() {
            let isEnd = line.indent == 0 && (isMarker(line.text, "---") || line.text.starts(with: "...".utf8))
            if !isEnd { throw reader.mistake("did not find expected <document start>") }
        }
        return value
    }

    func mistake(_ text: String) -> Mistake { Mistake(text: "yaml: line \(row + 1): \(text)") }

    private mutating func skipDirectives() throws(Mistake) {
        while let next = try line(), next.text.first == 37 { advance() }
        guard let next = try line(), next.indent == 0, Self.isMarker(next.text, "---") else { return }
        let rest = next.text.dropFirst(3).drop { $0 == 32 }
        if Self.isBlank(rest) { advance() } else { current = Line(indent: next.text.count - rest.count, text: rest) }
    }

    static func isMarker(_ text: ArraySlice<UInt8>, _ marker: String) -> Bool {
        text.starts(with: marker.utf8) && (text.count == 3 || text.dropFirst(3).first == 32)
    }

    /// Nothing but spaces or a comment.
    static func isBlank(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first(where: { $0 != 32 && $0 != 9 }) else { return true }
        return first == 35
    }

    mutating func advance() {
        row += 1
        current = nil
    }

    /// The next line with something on it; nil at the end.
    mutating func line() throws(Mistake) -> Line? {
        if let current { return current }
        while row < lines.count {
            let text = lines[row]
            let content = text.drop { $0 == 32 }
            if Self.isBlank(content) {
                row += 1
                continue
            }
            if content.first == 9 { throw mistake("found character that cannot start any token") }
            let line = Line(indent: text.count - content.count, text: content)
            current = line
            return line
        }
        return nil
    }

    private static func isEnd(_ line: Line) -> Bool {
        line.indent == 0 && (isMarker(line.text, "---") || isMarker(line.text, "..."))
    }

    static func isItem(_ text: ArraySlice<UInt8>) -> Bool {
        text.first == 45 && (text.count == 1 || text.dropFirst().first == 32)
    }

    /// The node that begins on the next line, if that is indented by `indent` at least.
    mutating func block(_ indent: Int, _ depth: Int) throws(Mistake) -> Value {
        guard depth < Self.deepest else { throw mistake("exceeded max depth of \(Self.deepest)") }
        guard let line = try line(), line.indent >= indent, !Self.isEnd(line) else { return .null }
        if let (properties, rest) = Self.properties(line.text) {
            if Self.isBlank(rest) { advance() } else { current = Line(indent: line.indent, text: rest) }
            return try named(properties) { reader throws(Mistake) in try reader.block(indent, depth + 1) }
        }
        size += 1
        if Self.isItem(line.text) { return try sequence(line.indent, depth) }
        if try keyEnd(line.text) != nil { return try mapping(line.indent, depth) }
        return try inline(line.text, indent - 1, depth)
    }

    private mutating func sequence(_ indent: Int, _ depth: Int) throws(Mistake) -> Value {
        tag = nil
        var members: [Value] = []
        while let line = try line(), line.indent == indent, Self.isItem(line.text), !Self.isEnd(line) {
            let rest = line.text.dropFirst().drop { $0 == 32 }
            if Self.isBlank(rest) {
                advance()
            } else {
                current = Line(indent: indent + line.text.count - rest.count, text: rest)
            }
            members.append(try block(indent + 1, depth + 1))
        }
        if let line = try line(), line.indent > indent { throw mistake("did not find expected '-' indicator") }
        return .array(members)
    }

    private mutating func mapping(_ indent: Int, _ depth: Int) throws(Mistake) -> Value {
        tag = nil
        var pairs: [(key: Value, value: Value)] = []
        while let line = try line(), line.indent == indent, !Self.isEnd(line) {
            guard let (key, length) = try keyEnd(line.text) else { throw mistake("could not find expected ':'") }
            let isMerge = line.text.starts(with: "<<".utf8)
            var rest = line.text.dropFirst(length).drop { $0 == 32 }
            let properties = Self.properties(rest)
            if let properties { rest = properties.rest }
            let value = try named(properties?.properties) { reader throws(Mistake) in
                try reader.mappingValue(rest, indent, depth + 1)
            }
            if isMerge { pairs += try merged(value) } else { pairs.append((.string(key), value)) }
        }
        if let line = try line(), line.indent > indent { throw mistake("did not find expected key") }
        return .object(ObjectValue(pairs))
    }

    /// What stands behind a key, or below it.
    private mutating func mappingValue(
        _ rest: ArraySlice<UInt8>, _ indent: Int, _ depth: Int
    ) throws(Mistake) -> Value {
        guard Self.isBlank(rest) else {
            if Self.isItem(rest) { throw mistake("block sequence entries are not allowed in this context") }
            return try inline(rest, indent, depth)
        }
        advance()
        guard let next = try line() else { return .null }
        if next.indent > indent { return try block(indent + 1, depth) }
        return next.indent == indent && Self.isItem(next.text) ? try sequence(indent, depth) : .null
    }

    /// The key at the beginning of a line and how many bytes it and its colon have; nil when there is no key.
    private func keyEnd(_ text: ArraySlice<UInt8>) throws(Mistake) -> (String, Int)? {
        guard let first = text.first else { return nil }
        switch first {
        case 34, 39:
            guard let (key, length) = Self.quoted(text) else { return nil }
            let rest = text.dropFirst(length)
            let spaces = rest.prefix { $0 == 32 }.count
            guard rest.dropFirst(spaces).first == 58, Self.isSpace(rest.dropFirst(spaces + 1).first) else { return nil }
            return (key, length + spaces + 1)
        case 91, 123, 124, 62, 42: return nil
        case 63 where Self.isSpace(text.dropFirst().first): throw mistake("complex keys are not supported")
        default: break
        }
        var previous: UInt8 = 32
        for index in text.indices {
            if text[index] == 35, previous == 32 { return nil }
            if text[index] == 58, Self.isSpace(text[(index + 1)...].first) {
                let plain = text[..<index].reversed().drop { $0 == 32 }.reversed()
                guard let key = YAMLScalar.key(YAMLScalar.resolve(plain.string)) else { return nil }
                return (key, index + 1 - text.startIndex)
            }
            previous = text[index]
        }
        return nil
    }

    static func isSpace(_ byte: UInt8?) -> Bool { byte == nil || byte == 32 || byte == 9 }

    /// A value that begins on the current line: a scalar or a flow collection, which may go on below.
    private mutating func inline(_ text: ArraySlice<UInt8>, _ indent: Int, _ depth: Int) throws(Mistake) -> Value {
        switch text.first {
        case 124, 62: return try blockScalar(text, indent)
        case 91, 123, 34, 39:
            var flow = YAMLFlow(self, text, indent)
            let value = try flow.value(depth)
            let rest = flow.rest
            self = flow.reader
            guard Self.isBlank(rest), rest.isEmpty || rest.first != 35 else {
                throw mistake(
                    rest.drop { $0 == 32 }.first == 58
                        ? "mapping values are not allowed in this context" : "did not find expected key")
            }
            advance()
            return value
        case 42:
            let name = text.dropFirst().prefix { $0 != 32 }
            guard Self.isBlank(text.dropFirst(name.count + 1)) else { throw mistake("did not find expected key") }
            let value = try alias(name.string)
            advance()
            return value
        case 37, 64, 96: throw mistake("found character that cannot start any token")
        default: return try plain(text, indent)
        }
    }

    /// A plain scalar, and the lines below that are indented further.
    private mutating func plain(_ text: ArraySlice<UInt8>, _ indent: Int) throws(Mistake) -> Value {
        var parts = [try plainPart(text)]
        advance()
        var breaks = 0
        while row < lines.count {
            let content = lines[row].drop { $0 == 32 || $0 == 9 }
            if content.isEmpty {
                breaks += 1
                row += 1
                continue
            }
            guard lines[row].count - content.count > indent, content.first != 35,
                !Self.isEnd(Line(indent: lines[row].count - content.count, text: content))
            else { break }
            parts.append(breaks > 0 ? String(repeating: "\n", count: breaks) : " ")
            parts.append(try plainPart(content))
            breaks = 0
            row += 1
        }
        return try scalar(parts.joined(), isPlain: parts.count == 1)
    }

    /// A line of a plain scalar without its comment.
    private func plainPart(_ text: ArraySlice<UInt8>) throws(Mistake) -> String {
        var end = text.endIndex
        for index in text.indices {
            if text[index] == 58, Self.isSpace(text[(index + 1)...].first) {
                throw mistake("mapping values are not allowed in this context")
            }
            if text[index] == 35, index > text.startIndex, Self.isSpace(text[index - 1]) {
                end = index
                break
            }
        }
        return text[..<end].reversed().drop { $0 == 32 || $0 == 9 }.reversed().string
    }

    /// A quoted scalar on one line and its length.
    static func quoted(_ text: ArraySlice<UInt8>) -> (String, Int)? {
        guard let quote = text.first else { return nil }
        var index = text.startIndex + 1
        while index < text.endIndex {
            if text[index] == quote {
                if quote == 39, index + 1 < text.endIndex, text[index + 1] == 39 {
                    index += 2
                    continue
                }
                let inner = text[(text.startIndex + 1)..<index]
                guard let value = quote == 39 ? unquoteSingle(inner) : YAMLFlow.unescape(inner) else { return nil }
                return (value, index + 1 - text.startIndex)
            }
            index += quote == 34 && text[index] == 92 ? 2 : 1
        }
        return nil
    }

    static func unquoteSingle(_ text: ArraySlice<UInt8>) -> String {
        var result: [UInt8] = []
        var skips = false
        for byte in text {
            if byte == 39, !skips { skips = true } else { skips = false }
            if !skips { result.append(byte) }
        }
        return result.string
    }

    /// `|` and `>`: the lines below, kept or folded.
    private mutating func blockScalar(_ header: ArraySlice<UInt8>, _ indent: Int) throws(Mistake) -> Value {
        let isFolded = header.first == 62
        var (chomp, given): (UInt8?, Int?) = (nil, nil)
        var rest = header.dropFirst()
        while let byte = rest.first, byte == 43 || byte == 45 || ASCII.isDigit(byte) && byte > 48 {
            if ASCII.isDigit(byte) { given = max(indent, 0) + Int(byte - 48) } else { chomp = byte }
            rest = rest.dropFirst()
        }
        guard Self.isBlank(rest) else { throw mistake("did not find expected comment or line break") }
        advance()
        var body: [ArraySlice<UInt8>] = []
        var width = given
        while row < lines.count {
            let content = lines[row].drop { $0 == 32 }
            let spaces = lines[row].count - content.count
            if content.isEmpty {
                body.append(width.map { lines[row].dropFirst($0) } ?? [])
            } else {
                let least = width ?? spaces
                guard spaces >= least, least > indent else { break }
                width = least
                body.append(lines[row].dropFirst(least))
            }
            row += 1
        }
        var trailing = 0
        while body.last?.isEmpty == true {
            body.removeLast()
            trailing += 1
        }
        var text = isFolded ? Self.folded(body) : body.map(\.string).joined(separator: "\n")
        if chomp == 43 {
            // The last line's own break, and those of the empty lines; the text's end is no line.
            text += String(repeating: "\n", count: trailing + (row < lines.count && !body.isEmpty ? 1 : 0))
        } else if chomp == nil, !body.isEmpty {
            text += "\n"
        }
        return try scalar(text, isPlain: false)
    }

    private static func folded(_ body: [ArraySlice<UInt8>]) -> String {
        var result = ""
        var breaks = 0
        var wasIndented = false
        for (index, line) in body.enumerated() {
            if line.isEmpty {
                breaks += 1
                continue
            }
            let isIndented = line.first == 32 || line.first == 9
            if index > 0 {
                if isIndented || wasIndented || result.isEmpty {
                    result += String(repeating: "\n", count: breaks + (result.isEmpty ? 0 : 1))
                } else {
                    result += breaks == 0 ? " " : String(repeating: "\n", count: breaks)
                }
            }
            result += line.string
            wasIndented = isIndented
            breaks = 0
        }
        return result
    }
}
