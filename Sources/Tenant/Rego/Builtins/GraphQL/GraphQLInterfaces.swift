/// How types keep to their interfaces and inputs to themselves.
extension GraphQL.Schema {
    func check(_ definition: GraphQL.Definition, implements name: String) throws(GraphQL.Failure) {
        guard let interface = types[name] else {
            throw .problem("Undefined type \(GoQuote.quote(name)).", definition.position)
        }
        guard interface.kind == .interface else {
            throw .problem(
                "\(GoQuote.quote(name)) is a non interface type \(interface.kind.rawValue).", definition.position)
        }
        let claim = "For \(definition.name) to implement \(interface.name)"
        for required in interface.fields {
            try budget.spend(1 + definition.fields.count / 16)
            guard let found = definition.field(required.name) else {
                throw .problem("\(claim) it must have a field called \(required.name).", definition.position)
            }
            guard isCovariant(required.type, found.type) else {
                throw .problem(
                    "\(claim) the field \(required.name) must have type \(required.type.description).",
                    found.position)
            }
            try check(found, against: required, claim: claim)
        }
        for ancestor in interface.interfaces where !definition.interfaces.contains(ancestor) {
            if ancestor == definition.name {
                throw .problem(
                    "Type \(definition.name) cannot implement \(name) because it would create a circular reference.",
                    definition.position)
            }
            throw .problem(
                "Type \(definition.name) must implement \(ancestor) because it is implemented by \(name).",
                definition.position)
        }
    }

    private func check(
        _ found: GraphQL.FieldDefinition, against required: GraphQL.FieldDefinition, claim: String
    ) throws(GraphQL.Failure) {
        for argument in required.arguments {
            let rule = "\(claim) the field \(required.name) must have the same arguments but"
            guard let other = found.argument(argument.name) else {
                throw .problem("\(rule) it is missing \(argument.name).", found.position)
            }
            if !argument.type.fits(other.type) {
                throw .problem("\(rule) \(argument.name) has the wrong type.", other.position)
            }
        }
        for argument in found.arguments where argument.isRequired && required.argument(argument.name) == nil {
            throw .problem(
                "\(claim) any additional arguments on \(found.name) must be optional or have a default value but "
                    + "\(argument.name) is required.", argument.position)
        }
    }

    private func isCovariant(_ required: GraphQL.TypeReference, _ actual: GraphQL.TypeReference) -> Bool {
        if required.isNonNull, !actual.isNonNull { return false }
        guard let element = required.element, required.name.isEmpty else {
            if required.name == actual.name { return true }
            return (possible[required.name] ?? []).contains { $0.name == actual.name }
        }
        guard let actualElement = actual.element else { return false }
        return isCovariant(element, actualElement)
    }

    /// Refuses inputs that contain themselves through fields that cannot be null. Without recursion: a chain of inputs
    /// may be as long as the schema.
    func refuseCycles() throws(GraphQL.Failure) {
        var done: Set<String> = []
        for start in types.keys.sorted() where types[start]?.kind == .input && !done.contains(start) {
            var path: [(type: GraphQL.Definition, next: Int)] = []
            var fields: [GraphQL.FieldDefinition] = []
            var places: [String: Int] = [:]
            func enter(_ type: GraphQL.Definition) {
                done.insert(type.name)
                places[type.name] = path.count
                path.append((type, 0))
            }
            if let type = types[start] { enter(type) }
            while let (type, next) = path.last {
                try budget.spend()
                guard next < type.fields.count else {
                    places[type.name] = nil
                    path.removeLast()
                    if !fields.isEmpty { fields.removeLast() }
                    continue
                }
                path[path.count - 1].next += 1
                let field = type.fields[next]
                guard field.type.isNonNull, !field.type.name.isEmpty, let inner = types[field.type.name],
                    inner.kind == .input
                else { continue }
                if let place = places[inner.name] {
                    let cycle = fields[place...] + [field]
                    throw .problem(
                        "Cannot reference Input Object \(GoQuote.quote(inner.name)) within itself through a series of "
                            + "non-null fields: \(GoQuote.quote(cycle.map(\.name).joined(separator: "."))).",
                        cycle.first?.position)
                }
                if !done.contains(inner.name) {
                    fields.append(field)
                    enter(inner)
                }
            }
        }
    }
}
