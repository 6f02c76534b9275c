extension Resolver {
    /// Resolves an expression and appends it, with what it needs before it, to a body.
    mutating func resolve(_ expression: Expression, into body: inout [ResolvedExpression]) {
        guard enter(expression.location) else { return }
        let outer = statement
        statement = expression.location
        defer {
            depth -= 1
            statement = outer
        }
        let modifiers = expression.modifiers.compactMap { resolve($0, into: &body) }
        let first = body.count
        resolve(expression.kind, expression.location, into: &body)
        guard !modifiers.isEmpty else { return }
        for index in first..<body.count { body[index].modifiers = modifiers + body[index].modifiers }
    }

    private mutating func resolve(
        _ kind: Expression.Kind, _ location: Location, into body: inout [ResolvedExpression]
    ) {
        switch kind {
        case .term(let term): statement(term, location, into: &body)
        case .unify(let left, let right):
            let first = resolve(left, into: &body)
            let second = resolve(right, into: &body)
            body.append(ResolvedExpression(kind: .unify(first, second), location: location))
        case .assign(let left, let right):
            let value = resolve(right, into: &body)
            let target = pattern(left, .assigned, into: &body)
            body.append(ResolvedExpression(kind: .unify(target, value), location: location))
        case .declare(let names):
            for name in names { _ = declare(name, .declared, location) }
        case .declareIn(let key, let value, let collection):
            membership(key, value, collection, location, into: &body)
        case .every(let key, let value, let collection, let inner):
            every(key, value, collection, inner, location, into: &body)
        case .not(let inner): negation(inner, location, into: &body)
        }
    }

    private mutating func statement(_ term: Term, _ location: Location, into body: inout [ResolvedExpression]) {
        guard case .call(let name, let arguments) = term.kind, metadataCall(name, arguments) == nil else {
            let resolved = resolve(term, into: &body)
            body.append(ResolvedExpression(kind: .term(resolved), location: location))
            return
        }
        if Self.name(of: name) == "print", module.global("print") == nil {
            let closures = arguments.map { closure(over: $0) }
            body.append(ResolvedExpression(kind: .print(closures), location: location))
            return
        }
        if arguments.isEmpty, let document = document(name) {
            body.append(ResolvedExpression(kind: .term(document), location: location))
            return
        }
        var values = arguments.map { resolve($0, into: &body) }
        guard let target = callee(name) else {
            fail("rego_type_error", "undefined function \(Self.name(of: name))", term.location)
            return
        }
        check(arity: values, extra: true, of: target, term.location)
        let arity = shared.arity(of: target)
        let output = arity >= 0 && values.count == arity + 1 ? values.popLast() : nil
        body.append(ResolvedExpression(kind: .call(target, values, output: output), location: location))
    }

    /// The left of `:=`, or a pattern of `some … in`: its variables are new.
    mutating func pattern(
        _ term: Term, _ occurrence: Occurrence, into body: inout [ResolvedExpression]
    ) -> ResolvedTerm {
        guard enter(term.location) else { return ResolvedTerm(.constant(.null), term.location) }
        defer { depth -= 1 }
        switch term.kind {
        case .variable(let name):
            return ResolvedTerm(.variable(declare(name, occurrence, term.location)), term.location)
        case .array(let members):
            return ResolvedTerm(.array(members.map { pattern($0, occurrence, into: &body) }), term.location)
        case .object(let pairs):
            var resolved: [(key: ResolvedTerm, value: ResolvedTerm)] = []
            for pair in pairs {
                let key = resolve(pair.key, into: &body)
                resolved.append((key: key, value: pattern(pair.value, occurrence, into: &body)))
            }
            return ResolvedTerm(.object(resolved), term.location)
        default:
            if case .assigned = occurrence {
                fail("rego_compile_error", "cannot assign to \(term.kindName)", term.location)
            }
            return resolve(term, into: &body)
        }
    }

    /// `some k, v in xs` is `v = xs[k]` with new variables.
    private mutating func membership(
        _ key: Term?, _ value: Term, _ collection: Term, _ location: Location,
        into body: inout [ResolvedExpression]
    ) {
        let domain = resolve(collection, into: &body)
        let subject: ResolvedTerm
        switch domain.kind {
        case .variable, .input, .data, .reference, .constant: subject = domain
        default:
            subject = generated(location)
            body.append(ResolvedExpression(kind: .unify(subject, domain), location: location, isGenerated: true))
        }
        // Such variables are used by the expression itself.
        let first = variables.count
        defer { for slot in first..<variables.count { uses[slot, default: 0] += 1 } }
        let keyTerm = key.map { pattern($0, .declared, into: &body) } ?? ResolvedTerm(.variable(fresh("_")), location)
        let valueTerm = pattern(value, .declared, into: &body)
        body.append(
            ResolvedExpression(
                kind: .unify(valueTerm, reference(subject, [keyTerm], location)), location: location))
    }

    private mutating func every(
        _ key: Term?, _ value: Term, _ collection: Term, _ inner: Body, _ location: Location,
        into body: inout [ResolvedExpression]
    ) {
        let domain = generated(collection.location)
        let resolved = resolve(collection, into: &body)
        body.append(
            ResolvedExpression(kind: .unify(domain, resolved), location: collection.location, isGenerated: true))
        scopes.append(scope(for: inner))
        var expressions: [ResolvedExpression] = []
        let keySlot = key.map { slot(for: $0, into: &expressions) }
        let valueSlot = slot(for: value, into: &expressions)
        for expression in inner { resolve(expression, into: &expressions) }
        let captured = leave(location).captured
        body.append(
            ResolvedExpression(
                kind: .every(key: keySlot, value: valueSlot, domain: domain, body: expressions, captured: captured),
                location: location))
    }

    /// The variable that takes a key or value; a pattern is matched in the body.
    private mutating func slot(for term: Term, into body: inout [ResolvedExpression]) -> Int {
        let resolved = pattern(term, .declared, into: &body)
        if let slot = resolved.variable { return slot }
        let slot = fresh("", generated: true)
        body.append(
            ResolvedExpression(
                kind: .unify(resolved, ResolvedTerm(.variable(slot), term.location)), location: term.location))
        return slot
    }

    /// What a negated expression needs is inside the negation: it also holds when an argument is undefined. OPA 1.x
    /// takes arguments out (and calls that a bug, open-policy-agent/opa#8387); `hoistsNegation` does as it does.
    private mutating func negation(_ inner: Expression, _ location: Location, into body: inout [ResolvedExpression]) {
        if case .assign = inner.kind {
            fail("rego_compile_error", "cannot assign vars inside negated expression", location)
        }
        var expressions: [ResolvedExpression] = []
        resolve(inner, into: &expressions)
        if shared.options.hoistsNegation, let last = expressions.popLast() {
            body += expressions
            let negated = hoisted(last, into: &body)
            body.append(ResolvedExpression(kind: .not([negated]), location: location))
        } else {
            body.append(ResolvedExpression(kind: .not(expressions), location: location))
        }
    }

    // MARK: with

    private mutating func resolve(
        _ modifier: Modifier, into body: inout [ResolvedExpression]
    ) -> ResolvedModifier? {
        guard let target = target(of: modifier) else { return nil }
        if case .callee(let replaced) = target { mocked.insert(replaced) }
        if case .callee = target, let callee = function(named: modifier.value) {
            return ResolvedModifier(target: target, replacement: .callee(callee), location: modifier.location)
        }
        let value = simple(modifier.value, into: &body)
        return ResolvedModifier(target: target, replacement: .value(value), location: modifier.location)
    }

    /// The function that a replacement names without calling it.
    private mutating func function(named term: Term) -> Callee? {
        switch term.kind {
        case .variable(let name):
            if scopes.contains(where: { $0.names[name] != nil }) { return nil }
            return callee(term)
        case .reference: return callee(term)
        default: return nil
        }
    }

    private mutating func target(of modifier: Modifier) -> ResolvedModifier.Target? {
        let (head, operands) = DocumentTree.parts(of: modifier.target)
        var path: [Value] = []
        for operand in operands {
            guard case .scalar(let key) = operand.kind else {
                fail("rego_type_error", "with keyword target must be ground", modifier.location)
                return nil
            }
            path.append(key)
        }
        if head == "input" { return .input(path) }
        if head == "data" {
            if let function = shared.function(path) { return .callee(function) }
            return dataTarget(path, modifier.location)
        }
        if let global = module.global(head) {
            usedImports.insert(head)
            if global.isInput { return .input(global.path + path) }
            if let function = shared.function(global.path + path) { return .callee(function) }
            return dataTarget(global.path + path, modifier.location)
        }
        let name = Self.name(of: modifier.target)
        if let verdict = Self.unreplaceable(name) {
            fail("rego_compile_error", "with keyword replacing built-in function: \(verdict)", modifier.location)
            return nil
        }
        if let builtin = shared.builtin(name) { return .callee(builtin) }
        fail(
            "rego_type_error", "with keyword target must reference existing input, data, or a function",
            modifier.location)
        return nil
    }

    /// Why a built-in function may not be replaced; nil when it may, or when there is none of that name.
    private static func unreplaceable(_ name: String) -> String? {
        switch name {
        case "eq", "rego.metadata.chain", "rego.metadata.rule": "replacement of \"\(name)\" invalid"
        case "walk": "target must not be a relation"
        case "print": "target must not be a void function"
        default: name.hasPrefix("internal.") ? "replacement of internal function \"\(name)\" invalid" : nil
        }
    }

    private mutating func dataTarget(_ path: [Value], _ location: Location) -> ResolvedModifier.Target? {
        if shared.hasRule(above: path) {
            fail(
                "rego_compile_error", "with keyword cannot partially replace virtual document(s)", location)
            return nil
        }
        return .data(path)
    }
}
