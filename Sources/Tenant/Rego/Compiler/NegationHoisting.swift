extension Resolver {
    /// Takes what OPA 1.x takes out of a negated expression: references and comprehensions that stand as arguments or
    /// within collections. A side of an equality stays.
    mutating func hoisted(
        _ expression: ResolvedExpression, into body: inout [ResolvedExpression]
    ) -> ResolvedExpression {
        var expression = expression
        switch expression.kind {
        case .term(let term): expression.kind = .term(side(term, into: &body))
        case .unify(let left, let right):
            let first = side(left, into: &body)
            expression.kind = .unify(first, side(right, into: &body))
        case .call(let callee, let arguments, let output):
            let isEquality = callee == shared.builtin("equal") && output == nil
            let values = arguments.map { isEquality ? side($0, into: &body) : whole($0, into: &body) }
            expression.kind = .call(callee, values, output: output.map { whole($0, into: &body) })
        case .every, .not, .print: break
        }
        return expression
    }

    /// A term whose own reference stays.
    private mutating func side(_ term: ResolvedTerm, into body: inout [ResolvedExpression]) -> ResolvedTerm {
        switch term.kind {
        case .reference(let head, let keys):
            return ResolvedTerm(.reference(head, keys.map { whole($0, into: &body) }), term.location)
        case .input, .data, .comprehension: return term
        default: return whole(term, into: &body)
        }
    }

    private mutating func whole(_ term: ResolvedTerm, into body: inout [ResolvedExpression]) -> ResolvedTerm {
        switch term.kind {
        case .constant, .variable, .template: return term
        case .array(let members):
            return ResolvedTerm(.array(members.map { whole($0, into: &body) }), term.location)
        case .set(let members): return ResolvedTerm(.set(members.map { whole($0, into: &body) }), term.location)
        case .object(let pairs):
            var taken: [(key: ResolvedTerm, value: ResolvedTerm)] = []
            for pair in pairs {
                let key = whole(pair.key, into: &body)
                taken.append((key: key, value: whole(pair.value, into: &body)))
            }
            return ResolvedTerm(.object(taken), term.location)
        case .input, .data, .reference, .comprehension:
            let name = generated(term.location)
            let value = side(term, into: &body)
            body.append(ResolvedExpression(kind: .unify(name, value), location: term.location, isGenerated: true))
            return name
        }
    }
}
