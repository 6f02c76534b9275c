/// Flow collections and quoted scalars, which may go over several lines.
struct YAMLFlow {
    private(set) var reader: YAMLReader
    /// What is left of the line.
    private(set) var rest: ArraySlice<UInt8>
    private let indent: Int

    init(_ reader: YAMLReader, _ text: ArraySlice<UInt8>, _ indent: Int) {
        (self.reader, rest, self.indent) = (reader, text, indent)
    }

    /// Goes over spaces, comments and line ends to the next byte; nil at the end of the text.
    private mutating func next() -> UInt8? {
        while true {
            rest = rest.drop { $0 == 32 || $0 == 9 }
            if let byte = rest.first, byte != 35 { return byte }
            guard reader.row + 1 < reader.lines.count else {
                rest = []
                return nil
            }
            reader.advance()
            rest = reader.lines[reader.row]
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next() == byte else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func value(_ depth: Int) throws(YAMLReader.Mistake) -> Value {
        guard depth < YAMLReader.deepest else {
            throw reader.mistake("exceeded max depth of \(YAMLReader.deepest)")
        }
        let row = reader.row
        func unexpected(_ what: String) -> YAMLReader.Mistake {
            YAMLReader.Mistake(text: "yaml: line \(row + 1): did not find expected \(what)")
        }
        switch next() {
        case 38, 33:
            guard let (properties, after) = YAMLReader.properties(rest, isFlow: true) else {
                throw unexpected("node content")
            }
            rest = after
            let size = reader.size
            reader.tag = properties.tag
            let value = try value(depth + 1)
            reader.tag = nil
            if let anchor = properties.anchor { reader.anchors[anchor] = (value, reader.size - size) }
            return value
        case 42:
            let name = rest.dropFirst().prefix { !YAMLReader.isSpace($0) && !",[]{}".utf8.contains($0) }
            rest = rest.dropFirst(name.count + 1)
            return try reader.alias(name.string)
        case 91:
            reader.size += 1
            reader.tag = nil
            rest = rest.dropFirst()
            var members: [Value] = []
            while !take(93) {
                guard next() != nil else { throw unexpected("',' or ']'") }
                let member = try value(depth + 1)
                // `[a: 1]` is a list of one-pair mappings.
                if take(58) {
                    let inner = try pairValue(depth)
                    members.append(.object(ObjectValue([(.string(try key(member)), inner)])))
                } else {
                    members.append(member)
                }
                if !take(44), next() != 93 { throw unexpected("',' or ']'") }
            }
            return .array(members)
        case 123:
            reader.size += 1
            reader.tag = nil
            rest = rest.dropFirst()
            var pairs: [(key: Value, value: Value)] = []
            while !take(125) {
                guard next() != nil else { throw unexpected("',' or '}'") }
                let isMerge = rest.starts(with: "<<".utf8)
                let key = try key(value(depth + 1))
                let value = take(58) ? try pairValue(depth) : .null
                if isMerge { pairs += try reader.merged(value) } else { pairs.append((.string(key), value)) }
                if !take(44), next() != 125 { throw unexpected("',' or '}'") }
            }
            return .object(ObjectValue(pairs))
        case 34, 39: return try reader.scalar(quoted(), isPlain: false)
        case nil, 44, 93, 125: throw reader.mistake("did not find expected node content")
        default: return try reader.scalar(plain(), isPlain: true)
        }
    }

    private mutating func pairValue(_ depth: Int) throws(YAMLReader.Mistake) -> Value {
        switch next() {
        case 44, 93, 125: .null
        default: try value(depth + 1)
        }
    }

    private func key(_ value: Value) throws(YAMLReader.Mistake) -> String {
        guard let key = YAMLScalar.key(value) else { throw reader.mistake("invalid map key") }
        return key
    }

    private mutating func plain() -> String {
        var index = rest.startIndex
        while index < rest.endIndex {
            let byte = rest[index]
            let after = index + 1 < rest.endIndex ? rest[index + 1] : nil
            if [44, 91, 93, 123, 125].contains(byte) { break }
            if byte == 58, YAMLReader.isSpace(after) || after == 44 || after == 93 || after == 125 { break }
            if byte == 35, index > rest.startIndex, YAMLReader.isSpace(rest[index - 1]) { break }
            index += 1
        }
        // A colon that begins the scalar is part of it: something is taken in any case.
        if index == rest.startIndex { index = min(index + 1, rest.endIndex) }
        let text = rest[..<index].reversed().drop { $0 == 32 || $0 == 9 }.reversed()
        rest = rest[index...]
        return text.string
    }

    /// A quoted scalar; line ends in it are folded to spaces.
    private mutating func quoted() throws(YAMLReader.Mistake) -> String {
        if let (value, length) = YAMLReader.quoted(rest) {
            rest = rest.dropFirst(length)
            return value
        }
        let start = reader.row
        var text = Array(rest.reversed().drop { $0 == 32 }.reversed())
        var breaks = 0
        while reader.row + 1 < reader.lines.count {
            reader.advance()
            let line = reader.lines[reader.row].drop { $0 == 32 || $0 == 9 }
            if line.isEmpty {
                breaks += 1
                continue
            }
            // An escaped line end is no break at all.
            if text.first == 34, text.last == 92, breaks == 0 {
                text.removeLast()
            } else if breaks == 0 {
                text.append(32)
            }
            text += repeatElement(10, count: breaks)
            breaks = 0
            let before = text.count
            text += line
            guard text.count <= YAMLReader.longest else { break }
            if line.contains(text[0]), let (value, length) = YAMLReader.quoted(text[...]) {
                rest = line.dropFirst(length - before)
                return value
            }
        }
        throw YAMLReader.Mistake(
            text: "yaml: line \(start + 1): found unexpected end of stream")
    }

    /// Escapes in double quotes; nil for one that is none.
    static func unescape(_ text: ArraySlice<UInt8>) -> String? {
        var result: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            guard text[index] == 92 else {
                result.append(text[index])
                index += 1
                continue
            }
            guard index + 1 < text.endIndex else { return nil }
            let letter = text[index + 1]
            index += 2
            if let length = [120: 2, 117: 4, 85: 8][Int(letter)] {
                guard index + length <= text.endIndex,
                    let value = UInt32(text[index..<(index + length)].string, radix: 16),
                    let scalar = Unicode.Scalar(value)
                else { return nil }
                result += String(scalar).utf8
                index += length
                continue
            }
            guard let scalar = escapes[letter] else { return nil }
            result += String(scalar).utf8
        }
        return result.string
    }

    private static let escapes: [UInt8: Unicode.Scalar] = [
        UInt8(ascii: "0"): "\0", UInt8(ascii: "a"): "\u{7}", UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "t"): "\t",
        9: "\t", UInt8(ascii: "n"): "\n", UInt8(ascii: "v"): "\u{B}", UInt8(ascii: "f"): "\u{C}",
        UInt8(ascii: "r"): "\r", UInt8(ascii: "e"): "\u{1B}", 32: " ", 34: "\"", 39: "'", 47: "/", 92: "\\",
        UInt8(ascii: "N"): "\u{85}", UInt8(ascii: "_"): "\u{A0}", UInt8(ascii: "L"): "\u{2028}",
        UInt8(ascii: "P"): "\u{2029}",
    ]
}
