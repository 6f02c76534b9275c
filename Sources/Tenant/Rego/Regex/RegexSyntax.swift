/// A parsed regular expression.
enum RegexNode: Sendable {
    case empty
    case set(ScalarSet)
    case assertion(RegexAssertion)
    case concatenation([RegexNode])
    case alternation([RegexNode])
    indirect case repetition(RegexNode, minimum: Int, maximum: Int?, isGreedy: Bool)
    indirect case capture(RegexNode, index: Int)

    static func join(_ nodes: [RegexNode]) -> RegexNode {
        nodes.isEmpty ? .empty : nodes.count == 1 ? nodes[0] : .concatenation(nodes)
    }

    static func text(_ text: some Sequence<Unicode.Scalar>) -> RegexNode {
        .join(text.map { .set(ScalarSet($0.value)) })
    }
}

/// What must hold between two scalars.
enum RegexAssertion: UInt8, Sendable {
    case textBegin, textEnd, lineBegin, lineEnd, wordBoundary, noWordBoundary
}

/// Why a pattern is none, in Go's words.
struct RegexError: Error, CustomStringConvertible {
    enum Code: String {
        case invalidClassRange = "invalid character class range"
        case invalidEscape = "invalid escape sequence"
        case invalidNamedCapture = "invalid named capture"
        case invalidPerlOperator = "invalid or unsupported Perl syntax"
        case invalidRepeatOperator = "invalid nested repetition operator"
        case invalidRepeatSize = "invalid repeat count"
        case missingBracket = "missing closing ]"
        case missingParenthesis = "missing closing )"
        case missingRepeatArgument = "missing argument to repetition operator"
        case trailingBackslash = "trailing backslash at end of expression"
        case unexpectedParenthesis = "unexpected )"
        case nestingDepth = "expression nests too deeply"
        case large = "expression too large"
    }

    var code: Code
    var expression: String

    var description: String { "error parsing regexp: \(code.rawValue): `\(expression)`" }
}
