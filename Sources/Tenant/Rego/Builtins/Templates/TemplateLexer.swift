extension Template {
    /// A piece of a template: a text, or the words of an action.
    enum Piece {
        case text(String)
        case action([Word])
    }

    enum Word: Equatable {
        case name(String)
        case field(String)
        case variable(String)
        case string(String)
        case number(String)
        case dot
        case symbol(String)
        /// Space between words: it parts `$x .y` from `$x.y`.
        case space
    }

    /// Cuts a text into pieces.
    static func pieces(_ text: String) throws(Problem) -> [Piece] {
        let bytes = Array(text.utf8)
        var pieces: [Piece] = []
        var place = 0
        var trims = false
        while place < bytes.count {
            let open = find("{{", bytes, place) ?? bytes.count
            var piece = bytes[place..<open]
            if trims { piece = piece.drop(while: isSpace) }
            guard open < bytes.count else {
                pieces.append(.text(piece.string))
                break
            }
            var start = open + 2
            if start + 1 < bytes.count, bytes[start] == UInt8(ascii: "-"), isSpace(bytes[start + 1]) {
                while let last = piece.last, isSpace(last) { piece.removeLast() }
                start += 2
            }
            if !piece.isEmpty { pieces.append(.text(piece.string)) }
            while start < bytes.count, isSpace(bytes[start]) { start += 1 }
            if bytes[start...].starts(with: "/*".utf8) {
                guard let end = find("*/", bytes, start), let close = find("}}", bytes, end) else {
                    throw Problem("unclosed comment")
                }
                let between = bytes[(end + 2)..<close]
                guard between.allSatisfy({ isSpace($0) || $0 == UInt8(ascii: "-") }) else {
                    throw Problem("comment ends before closing delimiter")
                }
                trims = between.last == UInt8(ascii: "-")
                place = close + 2
                continue
            }
            var reader = WordReader(bytes, start)
            pieces.append(.action(try reader.words()))
            (place, trims) = (reader.place, reader.trims)
        }
        return pieces
    }

    private static func find(_ text: String, _ bytes: [UInt8], _ from: Int) -> Int? {
        let wanted = Array(text.utf8)
        guard bytes.count >= wanted.count else { return nil }
        var index = from
        while index <= bytes.count - wanted.count {
            if bytes[index] == wanted[0], bytes[index + 1] == wanted[1] { return index }
            index += 1
        }
        return nil
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }

    /// Reads the words of one action, to its closing braces.
    private struct WordReader {
        let bytes: [UInt8]
        var place: Int
        var trims = false

        init(_ bytes: [UInt8], _ place: Int) { (self.bytes, self.place) = (bytes, place) }

        private func starts(with text: String) -> Bool { bytes[place...].starts(with: text.utf8) }

        private mutating func name() -> String {
            let start = place
            while place < bytes.count, ASCII.isAlphanumeric(bytes[place]) || bytes[place] == 95 || bytes[place] >= 0x80
            {
                place += 1
            }
            return bytes[start..<place].string
        }

        mutating func words() throws(Problem) -> [Word] {
            var words: [Word] = []
            while place < bytes.count {
                if starts(with: "}}") {
                    place += 2
                    return words
                }
                if isSpace(bytes[place]) {
                    while place < bytes.count, isSpace(bytes[place]) { place += 1 }
                    if starts(with: "-}}") {
                        place += 3
                        trims = true
                        return words
                    }
                    words.append(.space)
                    continue
                }
                words.append(try word())
            }
            throw Problem("unclosed action")
        }

        private mutating func word() throws(Problem) -> Word {
            let byte = bytes[place]
            switch byte {
            case UInt8(ascii: "."):
                if place + 1 < bytes.count, ASCII.isDigit(bytes[place + 1]) { return number() }
                place += 1
                let name = name()
                return name.isEmpty ? .dot : .field(name)
            case UInt8(ascii: "$"):
                place += 1
                return .variable(name())
            case UInt8(ascii: "\""): return .string(try quoted())
            case UInt8(ascii: "`"):
                let start = place + 1
                guard let end = bytes[start...].firstIndex(of: byte) else {
                    throw Problem("unterminated raw quoted string")
                }
                place = end + 1
                return .string(bytes[start..<end].string)
            case UInt8(ascii: "|"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: "="):
                place += 1
                return .symbol([byte].string)
            case UInt8(ascii: ":"):
                guard starts(with: ":=") else { throw Problem("expected :=") }
                place += 2
                return .symbol(":=")
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return number()
            default:
                let name = name()
                if name.isEmpty { throw Problem("unrecognized character in action: \(GoQuote.quote([byte].string))") }
                return .name(name)
            }
        }

        private mutating func number() -> Word {
            let start = place
            place += 1
            while place < bytes.count, ASCII.isAlphanumeric(bytes[place]) || bytes[place] == 46 { place += 1 }
            return .number(bytes[start..<place].string)
        }

        private mutating func quoted() throws(Problem) -> String {
            var text: [UInt8] = []
            place += 1
            while place < bytes.count, bytes[place] != 10 {
                switch bytes[place] {
                case UInt8(ascii: "\""):
                    place += 1
                    return text.string
                case UInt8(ascii: "\\"):
                    guard place + 1 < bytes.count else { throw Problem("unterminated quoted string") }
                    let escapes: [UInt8: UInt8] = [
                        34: 34, 92: 92, 97: 7, 98: 8, 102: 12, 110: 10, 114: 13, 116: 9, 118: 11,
                    ]
                    guard let byte = escapes[bytes[place + 1]] else { throw Problem("invalid syntax") }
                    text.append(byte)
                    place += 2
                default:
                    text.append(bytes[place])
                    place += 1
                }
            }
            throw Problem("unterminated quoted string")
        }
    }
}
