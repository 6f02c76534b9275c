extension Safety {
    /// The variables that an expression binds when those in `safe` are bound; nil when it cannot run yet. With `force`
    /// what it would bind is given whether it can run or not.
    static func outputs(
        of expression: ResolvedExpression, _ safe: Set<Int>, _ variables: [VariableInfo], force: Bool = false
    ) -> Set<Int>? {
        var known = Known(safe: safe)
        switch expression.kind {
        case .term(let term):
            known.collect(term)
        case .unify(let left, let right):
            known.collect(left)
            known.collect(right)
            while known.unify(left, right) {}
        case .call(_, let arguments, let output):
            for argument in arguments { known.collect(argument) }
            guard force || arguments.allSatisfy({ known.isReady($0) }) else { return nil }
            if let output {
                known.collect(output)
                known.bind(output)
            }
        case .every(_, _, let domain, _, let captured):
            guard force || known.isReady(domain) && captured.isSubset(of: safe) else { return nil }
            return []
        case .not(let body):
            guard force || negationIsReady(body, safe, variables) else { return nil }
            return []
        case .print: break
        }
        if force { return known.bound }
        var ready = true
        expression.forEachVariable { if !known.has($0) { ready = false } }
        return ready ? known.bound : nil
    }

    /// All variables of a negated expression must be bound, but those that the compiler made for its nested calls, and
    /// wildcards in these calls' arguments.
    private static func negationIsReady(
        _ body: [ResolvedExpression], _ safe: Set<Int>, _ variables: [VariableInfo]
    ) -> Bool {
        var ready = true
        for expression in body {
            expression.forEachVariable { slot in
                let info = variables[slot]
                if !safe.contains(slot), !info.isGenerated, !(expression.isGenerated && info.isWildcard) {
                    ready = false
                }
            }
        }
        return ready
    }
}

/// What is bound while one expression is looked at.
private struct Known {
    let safe: Set<Int>
    var bound: Set<Int> = []

    init(safe: Set<Int>) { self.safe = safe }

    func has(_ slot: Int) -> Bool { safe.contains(slot) || bound.contains(slot) }

    /// Whether every variable in a term is bound.
    func isReady(_ term: ResolvedTerm) -> Bool {
        var ready = true
        term.forEachVariable { if !has($0) { ready = false } }
        return ready
    }

    /// Binds what references in a term bind: the variables in their operands, when their heads are bound.
    mutating func collect(_ term: ResolvedTerm) {
        var count = -1
        while count != bound.count {
            count = bound.count
            visit(term)
        }
    }

    private mutating func visit(_ term: ResolvedTerm) {
        switch term.kind {
        case .constant, .variable, .input, .data, .comprehension, .template: break
        case .reference(let head, let operands):
            if let slot = head.variable, !has(slot) { return }
            for operand in operands {
                visit(operand)
                bind(operand)
            }
        case .array(let members), .set(let members): for member in members { visit(member) }
        case .object(let pairs):
            for (key, value) in pairs {
                visit(key)
                visit(value)
            }
        }
    }

    /// Binds the variables of a pattern that is matched with a value.
    mutating func bind(_ pattern: ResolvedTerm) {
        switch pattern.kind {
        case .variable(let slot): if !has(slot) { bound.insert(slot) }
        case .array(let members): for member in members { bind(member) }
        case .object(let pairs): for (_, value) in pairs { bind(value) }
        default: break
        }
    }

    /// Binds what unification of two terms binds; whether that changed anything.
    mutating func unify(_ left: ResolvedTerm, _ right: ResolvedTerm) -> Bool {
        let count = bound.count
        switch (left.kind, right.kind) {
        case (.array(let first), .array(let second)):
            if first.count == second.count {
                for (one, other) in zip(first, second) { _ = unify(one, other) }
            }
        case (.object(let first), .object(let second)):
            for pair in first {
                guard let key = pair.key.constant else { continue }
                for other in second where other.key.constant == key { _ = unify(pair.value, other.value) }
            }
        default:
            if isReady(right) { bind(left) }
            if isReady(left) { bind(right) }
        }
        return bound.count != count
    }
}
