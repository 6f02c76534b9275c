extension GraphQL {
    /// One token.
    struct Token {
        /// What a token is; the raw value is how errors name it.
        enum Kind: String {
            case invalid = "<Invalid>"
            case end = "<EOF>"
            case bang = "!"
            case dollar = "$"
            case ampersand = "&"
            case parenthesisLeft = "("
            case parenthesisRight = ")"
            case spread = "..."
            case colon = ":"
            case equals = "="
            case at = "@"
            case bracketLeft = "["
            case bracketRight = "]"
            case braceLeft = "{"
            case braceRight = "}"
            case pipe = "|"
            case name = "Name"
            case int = "Int"
            case float = "Float"
            case string = "String"
            case blockString = "BlockString"
            case comment = "Comment"
        }

        var kind: Kind
        var value: String = ""
        var position: Position
        /// What is wrong with an invalid token.
        var problem: String = ""

        var description: String { value.isEmpty ? kind.rawValue : "\(kind.rawValue) \(GoQuote.quote(value))" }
    }
}
