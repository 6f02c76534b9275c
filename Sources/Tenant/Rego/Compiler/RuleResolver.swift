extension Resolver {
    /// Resolves one written rule, with its `else` branches.
    mutating func rule(_ entry: DocumentTree.Entry) -> ResolvedRule {
        let rule = entry.rule
        var arguments: [Term] = []
        var value = Term(.scalar(.bool(true)), rule.location)
        var contains = false
        switch rule.head {
        case .value(let term): value = term
        case .contains(let term):
            value = term
            contains = true
        case .function(let terms, let term):
            arguments = terms
            value = term
        }
        scopes = [Scope()]
        for argument in arguments { declareArgument(argument) }
        for argument in arguments { declareVariables(in: argument) }
        let outer = scopes[0]
        let branches = [(value: value, body: rule.body, location: rule.location)] + rule.alternatives
        var clauses: [ResolvedClause] = []
        for branch in branches {
            var scope = scope(for: branch.body, entry.tail + [branch.value] + arguments)
            scope.names = outer.names
            scope.occurrences = outer.occurrences
            scopes = [scope]
            clauses.append(clause(branch, arguments, entry.tail))
        }
        if shared.options.strict, !rule.isDefault {
            for (name, slot) in outer.names.sorted(by: { $0.value < $1.value }) where uses[slot, default: 0] == 0 {
                fail(
                    "rego_compile_error", "unused argument \(name). (hint: use _ (wildcard variable) instead)",
                    rule.location)
            }
        }
        return ResolvedRule(
            arity: arguments.count, clauses: clauses, contains: contains, variables: variables, location: rule.location)
    }

    private mutating func clause(
        _ branch: (value: Term, body: Body, location: Location), _ arguments: [Term], _ tail: [Term]
    ) -> ResolvedClause {
        var body: [ResolvedExpression] = []
        for (slot, argument) in arguments.enumerated() {
            if case .variable(let name) = argument.kind, scopes[0].names[name] == slot || name.hasPrefix("$") {
                continue
            }
            let pattern = resolve(argument, into: &body)
            let given = ResolvedTerm(.variable(slot), argument.location)
            body.append(
                ResolvedExpression(kind: .unify(pattern, given), location: argument.location, isGenerated: true))
        }
        for expression in branch.body { resolve(expression, into: &body) }
        let path = tail.map { simple($0, into: &body) }
        let value = simple(branch.value, into: &body)
        _ = leave(branch.location)
        return ResolvedClause(body: body, tail: path, value: value, location: branch.location)
    }

    /// The first slots of the frame are the arguments: a plain variable is its argument's slot, of a pattern the
    /// variables are declared and matched in the body.
    private mutating func declareArgument(_ argument: Term) {
        if case .variable(let name) = argument.kind, !name.hasPrefix("$"), scopes[0].names[name] == nil {
            _ = declare(name, .argument, argument.location)
        } else {
            _ = fresh("", generated: true)
        }
    }

    /// The variables of patterns come after all arguments' slots.
    private mutating func declareVariables(in pattern: Term) {
        switch pattern.kind {
        case .array(let members): for member in members { declareVariable(member) }
        case .object(let pairs): for (_, value) in pairs { declareVariable(value) }
        default: break
        }
    }

    private mutating func declareVariable(_ term: Term) {
        guard case .variable(let name) = term.kind else { return declareVariables(in: term) }
        if !name.hasPrefix("$"), scopes[0].names[name] == nil { _ = declare(name, .argument, term.location) }
    }
}
