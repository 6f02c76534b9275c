extension TypeChecker {
    /// Looks at the references and closures in a term.
    mutating func check(_ term: ResolvedTerm) {
        switch term.kind {
        case .constant, .variable, .input: break
        case .data: break
        case .array(let members), .set(let members): for member in members { check(member) }
        case .object(let pairs):
            for (key, value) in pairs {
                check(key)
                check(value)
            }
        case .comprehension(let closure): check(closure, at: term.location)
        case .template(let parts): for case .term(let closure) in parts { check(closure, at: closure.value.location) }
        case .reference(let head, let keys):
            for key in keys { check(key) }
            check(head, keys, term.location)
        }
    }

    private mutating func check(_ head: ResolvedTerm, _ keys: [ResolvedTerm], _ location: Location) {
        if case .data = head.kind, let (group, used) = environment.group(keys),
            case .function? = environment.documents[group]
        {
            _ = used
            return undefined(head, keys, location)
        }
        var type: StaticType? = .anything
        var rest = keys[...]
        if let (subject, operands) = environment.subject(head, keys) { (type, rest) = (subject, operands) }
        // What stands in a path down to the rules.
        for key in keys.dropLast(rest.count) { _ = environment.unify(key, .anything) }
        for key in rest {
            guard let known = type else {
                _ = environment.unify(key, .anything)
                continue
            }
            guard let wanted = known.keys else { return undefined(head, keys, location) }
            if let constant = key.constant, constant.isScalar {
                let part = known.part(at: constant)
                guard part.exists else { return undefined(head, keys, location) }
                type = part.type
            } else {
                guard environment.unify(key, wanted) else { return undefined(head, keys, location) }
                type = known.values
            }
        }
    }

    private mutating func undefined(_ head: ResolvedTerm, _ keys: [ResolvedTerm], _ location: Location) {
        fail("undefined ref: \(text(head, keys))", location)
        for key in keys {
            key.forEachVariable { environment.variables[$0] = environment.variables[$0] ?? .anything }
        }
    }

    // MARK: text

    private func text(_ head: ResolvedTerm, _ keys: [ResolvedTerm]) -> String {
        keys.reduce(text(head)) { result, key in
            if let constant = key.constant { return DocumentTree.name([constant], root: result) }
            return "\(result)[\(text(key))]"
        }
    }

    private func text(_ term: ResolvedTerm) -> String {
        switch term.kind {
        case .input: "input"
        case .data: "data"
        case .constant(let value): value.text
        case .variable(let slot): variables[slot].name.isEmpty ? "_" : variables[slot].name
        case .reference(let head, let keys): text(head, keys)
        case .array(let members): "[\(members.map { text($0) }.joined(separator: ", "))]"
        case .set(let members): "{\(members.map { text($0) }.joined(separator: ", "))}"
        case .object(let pairs): "{\(pairs.map { "\(text($0.key)): \(text($0.value))" }.joined(separator: ", "))}"
        case .comprehension, .template: "_"
        }
    }
}
