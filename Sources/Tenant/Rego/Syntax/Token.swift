/// A word or sign of a Rego source.
struct Token {
    /// The kinds, with the names that OPA's messages give them.
    enum Kind: String {
        case end = "eof"
        case identifier, number, string
        case package, `import`, `as`, `default`, `else`, not, some, with, null, `true`, `false`
        case `in`, every, contains, `if`
        case leftBracket = "["
        case rightBracket = "]"
        case leftBrace = "{"
        case rightBrace = "}"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case comma = ","
        case colon = ":"
        case semicolon = ";"
        case dot = "."
        case plus, minus, mul, div, rem, and, or
        case unify = "eq"
        case equal, assign, neq, gt, lt, gte, lte
        /// `$"` or `` $` ``; then texts and the tokens of terms in turn, each term closed by `templateClose`, then the
        /// end.
        case templateStart = "template-string-start"
        case templateText = "template-string-part"
        case templateClose = "template-string-close"
        case templateEnd = "template-string-end"

        /// Whether messages call it a keyword.
        var isKeyword: Bool {
            switch self {
            case .package, .import, .as, .default, .else, .not, .some, .with, .null, .true, .false: true
            case .in, .every, .contains, .if: true
            default: false
            }
        }
    }

    var kind: Kind
    /// Where it stands in the source, in bytes.
    var start: Int32
    var end: Int32
    var row: Int32
    var column: Int32
    /// Whether a line ended between the token before and this one.
    var followsLine: Bool
    /// Whether there is space, a comment or a line's end before it.
    var followsSpace: Bool
}

/// A comment, from its `#` to the end of the line.
struct Comment {
    var start: Int
    var end: Int
    var row: Int
    var column: Int
}
