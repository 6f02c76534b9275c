extension Lexer {
    static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    /// The keyword that a word is, v0 or not.
    static func keyword(_ word: ArraySlice<UInt8>) -> Token.Kind? {
        guard word.count >= 2, word.count <= 8 else { return nil }
        return keywords[word.reduce(0) { $0 << 8 | UInt64($1) }]
    }

    /// Keywords by their letters, eight at most, in one word.
    private static let keywords: [UInt64: Token.Kind] = {
        let kinds: [Token.Kind] = [
            .package, .import, .as, .default, .else, .not, .some, .with, .null, .true, .false, .in, .every, .contains,
            .if,
        ]
        return Dictionary(uniqueKeysWithValues: kinds.map { ($0.rawValue.utf8.reduce(0) { $0 << 8 | UInt64($1) }, $0) })
    }()

    /// The sign that starts with a byte, and its length.
    static func sign(_ byte: UInt8, _ next: UInt8) -> (Token.Kind, Int)? {
        let isEqual = next == UInt8(ascii: "=")
        return switch byte {
        case UInt8(ascii: "["): (.leftBracket, 1)
        case UInt8(ascii: "]"): (.rightBracket, 1)
        case UInt8(ascii: "{"): (.leftBrace, 1)
        case UInt8(ascii: "}"): (.rightBrace, 1)
        case UInt8(ascii: "("): (.leftParenthesis, 1)
        case UInt8(ascii: ")"): (.rightParenthesis, 1)
        case UInt8(ascii: ","): (.comma, 1)
        case UInt8(ascii: ";"): (.semicolon, 1)
        case UInt8(ascii: "."): (.dot, 1)
        case UInt8(ascii: "+"): (.plus, 1)
        case UInt8(ascii: "-"): (.minus, 1)
        case UInt8(ascii: "*"): (.mul, 1)
        case UInt8(ascii: "/"): (.div, 1)
        case UInt8(ascii: "%"): (.rem, 1)
        case UInt8(ascii: "&"): (.and, 1)
        case UInt8(ascii: "|"): (.or, 1)
        case UInt8(ascii: ":"): isEqual ? (.assign, 2) : (.colon, 1)
        case UInt8(ascii: "="): isEqual ? (.equal, 2) : (.unify, 1)
        case UInt8(ascii: ">"): isEqual ? (.gte, 2) : (.gt, 1)
        case UInt8(ascii: "<"): isEqual ? (.lte, 2) : (.lt, 1)
        case UInt8(ascii: "!"): isEqual ? (.neq, 2) : nil
        default: nil
        }
    }
}
