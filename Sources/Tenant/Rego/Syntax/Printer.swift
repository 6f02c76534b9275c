/// Terms and expressions in the words of OPA's messages.
extension Term {
    /// The term as OPA prints it: operators as calls, `_` for variables that were made up for it.
    public var text: String {
        switch kind {
        case .scalar(let value): value.text
        case .variable(let name): name.hasPrefix("$") ? "_" : name
        case .reference(let head, let operands):
            head.text
                + operands.enumerated().map { $1.operandText(afterKeyword: $0 == 0 && head.isKeyword) }.joined()
        case .array(let terms): "[\(Self.list(terms))]"
        case .set(let terms): terms.isEmpty ? "set()" : "{\(Self.list(terms))}"
        case .object(let pairs): "{\(pairs.map { "\($0.key.text): \($0.value.text)" }.joined(separator: ", "))}"
        case .arrayComprehension(let head, let body): "[\(head.text) | \(body.text)]"
        case .setComprehension(let head, let body): "{\(head.text) | \(body.text)}"
        case .objectComprehension(let key, let value, let body): "{\(key.text): \(value.text) | \(body.text)}"
        case .call(let target, let operands): "\(target.text)(\(Self.list(operands)))"
        case .template(let parts): "$\"\(parts.map(\.text).joined())\""
        }
    }

    private static func list(_ terms: [Term]) -> String { terms.map(\.text).joined(separator: ", ") }

    /// Whether the term is a variable with a keyword's name, which only a dot and a name behind it make one.
    private var isKeyword: Bool {
        if case .variable(let name) = kind { Lexer.keyword(Array(name.utf8)[...]) != nil } else { false }
    }

    /// The term as an operand of a reference: with a dot when it is a name.
    private func operandText(afterKeyword: Bool) -> String {
        if case .scalar(.string(let name)) = kind {
            let bytes = Array(name.string.utf8)
            let isName =
                bytes.first.map(Lexer.isLetter) ?? false
                && bytes.allSatisfy { Lexer.isLetter($0) || Lexer.isDigit($0) }
            if isName, afterKeyword || Lexer.keyword(bytes[...]) == nil { return ".\(name.string)" }
        }
        return "[\(text)]"
    }
}

extension Term.TemplatePart {
    fileprivate var text: String {
        switch self {
        case .text(let text):
            // A string's text without its quotes, and with braces that open nothing.
            String(Value.string(text).text.dropFirst().dropLast()).split(
                separator: "{", omittingEmptySubsequences: false
            ).joined(separator: "\\{")
        case .term(let term): "{\(term.text)}"
        }
    }
}

extension Expression {
    /// The expression as OPA prints it.
    public var text: String {
        let modifiers = modifiers.map { " with \($0.target.text) as \($0.value.text)" }.joined()
        let content =
            switch kind {
            case .term(let term): term.text
            case .unify(let left, let right): "\(left.text) = \(right.text)"
            case .assign(let left, let right): "\(left.text) := \(right.text)"
            case .declare(let names):
                "some \(names.map { $0.hasPrefix("$") ? "_" : $0 }.joined(separator: ", "))"
            case .declareIn(let key, let value, let collection):
                "some \(key.map { "\($0.text), " } ?? "")\(value.text) in \(collection.text)"
            case .every(let key, let value, let collection, let body):
                "every \(key.map { "\($0.text), " } ?? "")\(value.text) in \(collection.text) { \(body.text) }"
            case .not(let expression): "not \(expression.text)"
            }
        return content + modifiers
    }
}

extension Array where Element == Expression {
    /// The expressions with semicolons between them.
    public var text: String { map(\.text).joined(separator: "; ") }
}
