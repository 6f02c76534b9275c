extension GraphQL {
    /// Cuts a text into tokens; comments are tokens.
    struct Lexer {
        private let bytes: [UInt8]
        private var start = 0
        private var startCharacter = 0
        private var end = 0
        private var endCharacter = 0
        private var line = 1
        private var lineStart = 0

        init(_ text: String) { bytes = Array(text.utf8) }

        /// The next token; the end token again and again after the last.
        mutating func next() -> Token {
            skipSpace()
            start = end
            startCharacter = endCharacter
            guard end < bytes.count else { return token(.end) }
            let byte = bytes[end]
            advance()
            if let kind = Self.punctuation[byte] { return token(kind, "") }
            switch byte {
            case UInt8(ascii: "."):
                if start + 2 < bytes.count, bytes[start + 1] == byte, bytes[start + 2] == byte {
                    advance(2)
                    return token(.spread, "")
                }
            case UInt8(ascii: "#"): return comment()
            case UInt8(ascii: "_"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
                while let next = peek, Self.isNameByte(next) { advance() }
                return token(.name)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return number()
            case UInt8(ascii: "\""):
                if start + 2 < bytes.count, bytes[start + 1] == byte, bytes[start + 2] == byte { return blockString() }
                return string()
            default: break
            }
            end -= 1
            endCharacter -= 1
            return invalid("Cannot parse the unexpected character")
        }

        private static let punctuation: [UInt8: Token.Kind] = [
            UInt8(ascii: "!"): .bang, UInt8(ascii: "$"): .dollar, UInt8(ascii: "&"): .ampersand,
            UInt8(ascii: "("): .parenthesisLeft, UInt8(ascii: ")"): .parenthesisRight, UInt8(ascii: ":"): .colon,
            UInt8(ascii: "="): .equals, UInt8(ascii: "@"): .at, UInt8(ascii: "["): .bracketLeft,
            UInt8(ascii: "]"): .bracketRight, UInt8(ascii: "{"): .braceLeft, UInt8(ascii: "}"): .braceRight,
            UInt8(ascii: "|"): .pipe,
        ]

        private static func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
                true
            default: false
            }
        }

        private var peek: UInt8? { end < bytes.count ? bytes[end] : nil }

        private mutating func advance(_ count: Int = 1) {
            end += count
            endCharacter += count
        }

        /// Steps over one character of any width.
        private mutating func advanceCharacter() {
            end += 1
            while let next = peek, next & 0xc0 == 0x80 { end += 1 }
            endCharacter += 1
        }

        private func token(_ kind: Token.Kind) -> Token {
            token(kind, String(decoding: bytes[start..<end], as: UTF8.self))
        }

        private func token(_ kind: Token.Kind, _ value: String) -> Token {
            Token(kind: kind, value: value, position: Position(line: line, column: startCharacter - lineStart + 1))
        }

        private func invalid(_ problem: String) -> Token {
            Token(
                kind: .invalid, position: Position(line: line, column: endCharacter - lineStart + 1), problem: problem)
        }

        private mutating func skipSpace() {
            while let byte = peek {
                switch byte {
                case UInt8(ascii: "\t"), UInt8(ascii: " "), UInt8(ascii: ","): advance()
                case UInt8(ascii: "\n"):
                    advance()
                    line += 1
                    lineStart = endCharacter
                case UInt8(ascii: "\r"):
                    advance()
                    line += 1
                    lineStart = endCharacter
                    if peek == UInt8(ascii: "\n") { advance() }
                case 0xef where end + 2 < bytes.count && bytes[end + 1] == 0xbb && bytes[end + 2] == 0xbf:
                    advanceCharacter()
                default: return
                }
            }
        }

        private mutating func comment() -> Token {
            while let byte = peek, byte > 0x1f || byte == UInt8(ascii: "\t") { advanceCharacter() }
            return token(.comment)
        }

        private mutating func digits() -> Int {
            let before = end
            while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { advance() }
            return end - before
        }

        private mutating func number() -> Token {
            end -= 1
            endCharacter -= 1
            var kind = Token.Kind.int
            if peek == UInt8(ascii: "-") { advance() }
            if peek == UInt8(ascii: "0") {
                advance()
                let extra = digits()
                if extra > 0 {
                    advance(-extra)
                    return invalid("Invalid number, unexpected digit after 0")
                }
            } else if digits() == 0 {
                return invalid("Invalid number, expected digit")
            }
            if peek == UInt8(ascii: ".") {
                kind = .float
                advance()
                if digits() == 0 { return invalid("Invalid number, expected digit") }
            }
            if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
                kind = .float
                advance()
                if peek == UInt8(ascii: "-") || peek == UInt8(ascii: "+") { advance() }
                if digits() == 0 { return invalid("Invalid number, expected digit") }
            }
            return token(kind)
        }
    }
}

extension GraphQL.Lexer {
    private mutating func string() -> GraphQL.Token {
        start += 1
        startCharacter += 1
        var text: [UInt8] = []
        while let byte = peek, byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") {
            if byte < 0x20, byte != UInt8(ascii: "\t") { return invalid("Invalid character within String") }
            if byte == UInt8(ascii: "\"") {
                let token = token(.string, String(decoding: text, as: UTF8.self))
                advance()
                return token
            }
            if byte == UInt8(ascii: "\\") {
                guard escape(into: &text) else {
                    advance()
                    return invalid("Invalid character escape sequence")
                }
                continue
            }
            let before = end
            advanceCharacter()
            text += bytes[before..<end]
        }
        return invalid("Unterminated string.")
    }

    /// Reads an escape sequence; false when there is none.
    private mutating func escape(into text: inout [UInt8]) -> Bool {
        guard end + 1 < bytes.count else { return false }
        switch bytes[end + 1] {
        case UInt8(ascii: "u"):
            guard end + 6 < bytes.count,
                let value = UInt32(String(decoding: bytes[(end + 2)..<(end + 6)], as: UTF8.self), radix: 16),
                bytes[end + 2] != UInt8(ascii: "+"), bytes[end + 2] != UInt8(ascii: "-")
            else { return false }
            text += Array(String(Character(Unicode.Scalar(value) ?? "\u{fffd}")).utf8)
            advance(6)
            return true
        case UInt8(ascii: "\""), UInt8(ascii: "/"), UInt8(ascii: "\\"): text.append(bytes[end + 1])
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        default: return false
        }
        advance(2)
        return true
    }

    private mutating func blockString() -> GraphQL.Token {
        start += 3
        startCharacter += 3
        advance(2)
        let quote = UInt8(ascii: "\"")
        var text: [UInt8] = []
        while let byte = peek {
            if byte == quote {
                var count = 1
                while end + count < bytes.count, bytes[end + count] == quote { count += 1 }
                if count >= 3 {
                    text += Array(repeating: quote, count: count - 3)
                    let token = token(.blockString, Self.withoutIndent(text))
                    advance(count)
                    return token
                }
            }
            if byte < 0x20, byte != 9, byte != 10, byte != 13 { return invalid("Invalid character within String") }
            if byte == UInt8(ascii: "\\"), end + 4 <= bytes.count,
                bytes[(end + 1)..<(end + 4)].elementsEqual([quote, quote, quote])
            {
                text += [quote, quote, quote]
                advance(4)
            } else if byte == 13 {
                if end + 1 < bytes.count, bytes[end + 1] == 10 { advance() }
                advance()
                text.append(10)
                line += 1
                lineStart = endCharacter
            } else {
                let before = end
                advanceCharacter()
                text += bytes[before..<end]
                if byte == 10 {
                    line += 1
                    lineStart = endCharacter
                }
            }
        }
        return invalid("Unterminated string.")
    }

    /// The value of a block string: without common indentation and without blank lines at either end.
    private static func withoutIndent(_ text: [UInt8]) -> String {
        func indent(_ line: ArraySlice<UInt8>) -> Int? {
            line.firstIndex { $0 != 32 && $0 != 9 }.map { $0 - line.startIndex }
        }
        var lines = text.split(separator: 10, omittingEmptySubsequences: false)
        if let common = lines.compactMap(indent).min() {
            for index in lines.indices.dropFirst() { lines[index] = lines[index].dropFirst(common) }
        }
        let kept = lines.drop { indent($0) == nil }
        let last = kept.lastIndex { indent($0) != nil }
        return String(decoding: Array((last.map { kept[...$0] } ?? []).joined(separator: [10])), as: UTF8.self)
    }
}
