extension Resolver {
    /// Resolves a term; calls in it are put into `support`, in order, before what uses them.
    mutating func resolve(_ term: Term, into support: inout [ResolvedExpression]) -> ResolvedTerm {
        guard enter(term.location) else { return ResolvedTerm(.constant(.null), term.location) }
        defer { depth -= 1 }
        let location = term.location
        switch term.kind {
        case .scalar(let value): return ResolvedTerm(.constant(value), location)
        case .variable(let name): return variable(name, location)
        case .reference(let head, let operands):
            let subject = resolveSubject(head, into: &support)
            let keys = operands.map { resolve($0, into: &support) }
            if keys.count > DocumentTree.longestPath {
                fail("rego_compile_error", "reference too long", location)
                return subject
            }
            return reference(subject, keys, location)
        case .array(let members):
            let resolved = members.map { resolve($0, into: &support) }
            if let constants = Self.constants(resolved) { return ResolvedTerm(.constant(.array(constants)), location) }
            return ResolvedTerm(.array(resolved), location)
        case .set(let members):
            let resolved = members.map { resolve($0, into: &support) }
            if let constants = Self.constants(resolved) {
                return ResolvedTerm(.constant(.set(SetValue(constants))), location)
            }
            return ResolvedTerm(.set(resolved), location)
        case .object(let pairs): return object(pairs, location, into: &support)
        case .arrayComprehension(let value, let body): return comprehension(.array, nil, value, body, location)
        case .setComprehension(let value, let body): return comprehension(.set, nil, value, body, location)
        case .objectComprehension(let key, let value, let body):
            return comprehension(.object, key, value, body, location)
        case .call(let callee, let arguments):
            if let constant = metadataCall(callee, arguments) { return ResolvedTerm(.constant(constant), location) }
            if arguments.isEmpty, let document = document(callee) { return document }
            let values = arguments.map { resolve($0, into: &support) }
            guard let target = self.callee(callee) else {
                fail("rego_type_error", "undefined function \(Self.name(of: callee))", location)
                return ResolvedTerm(.constant(.null), location)
            }
            if shared.isVoid(target) { fail("rego_type_error", "\(term.text) used as value", location) }
            check(arity: values, extra: false, of: target, location)
            let output = generated(location)
            support.append(
                ResolvedExpression(
                    kind: .call(target, values, output: output), location: location, isGenerated: true))
            return output
        case .template(let parts): return template(parts, location)
        }
    }

    private static func constants(_ terms: [ResolvedTerm]) -> [Value]? {
        var values: [Value] = []
        for term in terms {
            guard let constant = term.constant else { return nil }
            values.append(constant)
        }
        return values
    }

    private mutating func object(
        _ pairs: [(key: Term, value: Term)], _ location: Location, into support: inout [ResolvedExpression]
    ) -> ResolvedTerm {
        var resolved: [(key: ResolvedTerm, value: ResolvedTerm)] = []
        for pair in pairs {
            let key = resolve(pair.key, into: &support)
            resolved.append((key: key, value: resolve(pair.value, into: &support)))
        }
        if let keys = Self.constants(resolved.map(\.key)), let values = Self.constants(resolved.map(\.value)) {
            return ResolvedTerm(
                .constant(.object(ObjectValue(zip(keys, values).map { (key: $0, value: $1) }))), location)
        }
        // Of keys that are equal the last counts; constants come before keys that are known only when evaluated.
        resolved = resolved.filter { $0.key.constant != nil } + resolved.filter { $0.key.constant == nil }
        return ResolvedTerm(.object(resolved), location)
    }

    /// What a name alone stands for.
    mutating func variable(_ name: String, _ location: Location) -> ResolvedTerm {
        if let slot = lookup(name) { return ResolvedTerm(.variable(slot), location) }
        switch name {
        case "input": return ResolvedTerm(.input, location)
        case "data": return ResolvedTerm(.data, location)
        default:
            guard let target = module.global(name) else { return ResolvedTerm(.constant(.null), location) }
            usedImports.insert(name)
            let root = ResolvedTerm(target.isInput ? .input : .data, location)
            return reference(root, target.path.map { ResolvedTerm(.constant($0), location) }, location)
        }
    }

    /// The head of a reference: what is neither variable, root nor constant gets a variable of its own.
    private mutating func resolveSubject(_ head: Term, into support: inout [ResolvedExpression]) -> ResolvedTerm {
        let subject = resolve(head, into: &support)
        switch subject.kind {
        case .variable, .input, .data, .reference, .constant: return subject
        default:
            let name = generated(head.location)
            support.append(
                ResolvedExpression(kind: .unify(name, subject), location: head.location, isGenerated: true))
            return name
        }
    }

    /// A reference, joined with the one its head is.
    func reference(_ head: ResolvedTerm, _ keys: [ResolvedTerm], _ location: Location) -> ResolvedTerm {
        if keys.isEmpty { return head }
        if case .reference(let root, let first) = head.kind {
            return ResolvedTerm(.reference(root, first + keys), location)
        }
        return ResolvedTerm(.reference(head, keys), location)
    }

    private mutating func comprehension(
        _ shape: ResolvedClosure.Shape, _ key: Term?, _ value: Term, _ body: Body, _ location: Location
    ) -> ResolvedTerm {
        let head = (key.map { [$0] } ?? []) + [value]
        scopes.append(scope(for: body, head))
        var expressions: [ResolvedExpression] = []
        for expression in body { resolve(expression, into: &expressions) }
        let keyTerm = key.map { simple($0, into: &expressions) }
        let valueTerm = simple(value, into: &expressions)
        let captured = leave(location).captured
        return ResolvedTerm(
            .comprehension(
                ResolvedClosure(shape: shape, key: keyTerm, value: valueTerm, body: expressions, captured: captured)),
            location)
    }

    /// Resolves a head's term and, when it must be evaluated, moves that into the body.
    mutating func simple(_ term: Term, into body: inout [ResolvedExpression]) -> ResolvedTerm {
        let resolved = resolve(term, into: &body)
        switch resolved.kind {
        case .constant, .variable: return resolved
        default:
            let name = generated(term.location)
            body.append(ResolvedExpression(kind: .unify(name, resolved), location: term.location, isGenerated: true))
            return name
        }
    }

    private mutating func template(_ parts: [TemplatePart], _ location: Location) -> ResolvedTerm {
        ResolvedTerm(
            .template(
                parts.map { part in
                    switch part {
                    case .text(let text): return .text(text)
                    case .term(let term):
                        if case .call(let name, _) = term.kind, let called = callee(name), shared.isRelation(called) {
                            let title = shared.name(of: called)
                            fail(
                                "rego_compile_error",
                                "illegal call to relation built-in '\(title)' that may cause multiple outputs", location
                            )
                        }
                        return .term(closure(over: term))
                    }
                }), location)
    }

    private typealias TemplatePart = Term.TemplatePart

    /// A body of nothing but one term: none or more values, in an array.
    mutating func closure(over term: Term) -> ResolvedClosure {
        scopes.append(scope(for: [], [term]))
        var body: [ResolvedExpression] = []
        let value = simple(term, into: &body)
        let captured = leave(term.location).captured
        return ResolvedClosure(shape: .array, key: nil, value: value, body: body, captured: captured)
    }

    // MARK: calls

    /// Functions that v1 modules may not call any more.
    private static let deprecated: Set<String> = [
        "any", "all", "re_match", "net.cidr_overlap", "set_diff", "cast_array", "cast_set", "cast_string",
        "cast_boolean", "cast_null", "cast_object",
    ]

    /// The dotted name of a call's operator.
    static func name(of callee: Term) -> String {
        switch callee.kind {
        case .variable(let name): return name
        case .reference(let head, let operands):
            var path: [Value] = []
            for operand in operands { if case .scalar(let key) = operand.kind { path.append(key) } }
            return DocumentTree.name(path, root: name(of: head))
        default: return "?"
        }
    }

    /// The document that a call without arguments stands for: a rule `f() := 1` is the rule `f := 1`.
    mutating func document(_ callee: Term) -> ResolvedTerm? {
        let (head, operands) = DocumentTree.parts(of: callee)
        guard head == "data" || module.global(head) != nil else { return nil }
        var support: [ResolvedExpression] = []
        let keys = operands.map { resolve($0, into: &support) }
        guard let target = module.global(head) else {
            return reference(ResolvedTerm(.data, callee.location), keys, callee.location)
        }
        guard !target.isInput else { return nil }
        usedImports.insert(head)
        let path = target.path.map { ResolvedTerm(.constant($0), callee.location) }
        return reference(ResolvedTerm(.data, callee.location), path + keys, callee.location)
    }

    /// What a call calls; nil when there is no such function.
    mutating func callee(_ operatorTerm: Term) -> Callee? {
        let (head, operands) = DocumentTree.parts(of: operatorTerm)
        var path: [Value] = []
        for operand in operands {
            guard case .scalar(let key) = operand.kind else { return nil }
            path.append(key)
        }
        if scopes.contains(where: { $0.names[head] != nil && $0.occurrences[head] != .seen }) {
            fail("rego_compile_error", "called function \(Self.name(of: operatorTerm)) shadowed", operatorTerm.location)
        }
        if head == "data" { return shared.function(path) }
        if let target = module.global(head), !target.isInput {
            usedImports.insert(head)
            if let function = shared.function(target.path + path) { return function }
        }
        let name = Self.name(of: operatorTerm)
        if module.isV1 || shared.options.strict, Self.deprecated.contains(name) {
            fail(
                "rego_type_error", "deprecated built-in function calls in expression: \(name)", operatorTerm.location)
        }
        return shared.builtin(name)
    }

    /// Checks how many arguments a call has; as a statement it may have one more, for the result.
    mutating func check(arity values: [ResolvedTerm], extra: Bool, of callee: Callee, _ location: Location) {
        let (arity, count) = (shared.arity(of: callee), values.count)
        if arity < 0 || count == arity || extra && count == arity + 1 { return }
        let name = shared.name(of: callee)
        let types = TypeEnvironment(shared)
        guard let type = types.function(callee) else {
            let message = "function \(name) has arity \(arity), got \(count) argument\(count == 1 ? "" : "s")"
            return fail("rego_type_error", message, location)
        }
        let have = values.map { StaticType.text(types.type(of: $0)) }.joined(separator: ", ")
        errors.append(
            RegoError(
                "rego_type_error", "\(name): arity mismatch", location,
                details: ["have: (\(have))", "want: \(type.text(withResult: false))"]))
    }
}
