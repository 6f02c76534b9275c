extension Term {
    /// Whether no variable stands in the term; a reference's head does not count.
    var isGround: Bool {
        switch kind {
        case .scalar: true
        case .variable: false
        case .reference(_, let operands): operands.allSatisfy(\.isGround)
        case .array(let terms), .set(let terms), .call(_, let terms): terms.allSatisfy(\.isGround)
        case .object(let pairs): pairs.allSatisfy { $0.key.isGround && $0.value.isGround }
        case .arrayComprehension, .setComprehension, .objectComprehension, .template: false
        }
    }

    /// The kind of the first part that has no constant value, comprehensions aside; nil when there is none.
    var nonConstant: String? {
        switch kind {
        case .scalar, .arrayComprehension, .setComprehension, .objectComprehension: return nil
        case .variable(let name): return name == "data" || name == "input" ? "ref" : "var"
        case .reference, .call: return kindName
        case .array(let terms), .set(let terms):
            for term in terms { if let kind = term.nonConstant { return kind } }
            return nil
        case .object(let pairs):
            for (key, value) in pairs { if let kind = key.nonConstant ?? value.nonConstant { return kind } }
            return nil
        case .template(let parts):
            return parts.contains { if case .term = $0 { true } else { false } } ? "call" : nil
        }
    }

    /// The place of an infix operator, when the term is one as a call's target.
    var infixName: Location? {
        switch kind {
        case .variable(let name): Self.operators.contains(name) ? location : nil
        case .reference(let head, _):
            if case .variable("internal") = head.kind { location } else { nil }
        default: nil
        }
    }

    private static let operators: Set<String> = [
        "plus", "minus", "mul", "div", "rem", "and", "or", "equal", "neq", "lt", "lte", "gt", "gte",
    ]
}
