/// What a schema must keep to.
extension GraphQL.Schema {
    func check(name: String, at position: GraphQL.Position?) throws(GraphQL.Failure) {
        if name.hasPrefix("__") {
            throw .problem(
                "Name \"\(name)\" must not begin with \"__\", which is reserved by GraphQL introspection.", position)
        }
    }

    func check(_ definition: GraphQL.Definition) throws(GraphQL.Failure) {
        let kind = definition.kind.rawValue
        for field in definition.fields {
            try check(name: field.name, at: field.position)
            try check(field.type)
            try check(field.arguments, of: nil)
            try check(field.directives, on: definition.kind == .input ? "INPUT_FIELD_DEFINITION" : "FIELD_DEFINITION")
        }
        for name in definition.types {
            guard let type = types[name] else {
                throw .problem("Undefined type \(GoQuote.quote(name)).", definition.position)
            }
            guard type.kind == .object else {
                throw .problem("\(kind) type \(GoQuote.quote(name)) must be OBJECT.", definition.position)
            }
        }
        for name in definition.interfaces { try check(definition, implements: name) }
        switch definition.kind {
        case .object, .interface:
            try checkFields(
                definition, missing: "must define one or more fields.",
                allowed: [.scalar, .object, .interface, .union, .enumeration])
        case .input:
            try checkFields(
                definition, missing: "must define one or more input fields.",
                allowed: [.scalar, .enumeration, .input])
        case .enumeration: try checkValues(definition)
        case .scalar, .union: break
        }
        try checkUnique(definition)
        if !definition.isBuiltIn { try check(name: definition.name, at: definition.position) }
        try check(definition.directives, on: kind, isOneLocation: false)
    }

    private func checkFields(
        _ definition: GraphQL.Definition, missing: String, allowed: [GraphQL.Definition.Kind]
    ) throws(GraphQL.Failure) {
        let kind = definition.kind.rawValue
        if definition.fields.isEmpty {
            throw .problem("\(kind) \(definition.name): \(missing)", definition.position)
        }
        for field in definition.fields {
            guard let type = types[field.type.innermost], !allowed.contains(type.kind) else { continue }
            let what = definition.kind == .input ? "\(type.kind.rawValue) \(field.name)" : "\(kind) \(definition.name)"
            let list = allowed.map(\.rawValue).joined(separator: ", ")
            throw .problem("\(what): field must be one of \(list).", field.position)
        }
    }

    private func checkValues(_ definition: GraphQL.Definition) throws(GraphQL.Failure) {
        let name = "ENUM \(definition.name)"
        if definition.values.isEmpty {
            throw .problem("\(name): must define one or more unique enum values.", definition.position)
        }
        for value in definition.values {
            if ["true", "false", "null"].contains(value.name) {
                throw .problem("\(name): non-enum value \(value.name).", definition.position)
            }
            try check(value.directives, on: "ENUM_VALUE")
        }
    }

    private func checkUnique(_ definition: GraphQL.Definition) throws(GraphQL.Failure) {
        try budget.spend(definition.fields.count + definition.values.count + definition.types.count)
        var seen: Set<Text> = []
        for field in definition.fields where !seen.insert(Text(field.name)).inserted {
            throw .problem("Field \(definition.name).\(field.name) can only be defined once.", field.position)
        }
        seen = []
        for value in definition.values where !seen.insert(Text(value.name)).inserted {
            throw .problem("Enum value \(definition.name).\(value.name) can only be defined once.", value.position)
        }
        seen = []
        for type in definition.types where !seen.insert(Text(type)).inserted {
            throw .problem(
                "Union type \(definition.name) can only include type \(type) once.", definition.position)
        }
    }

    private func check(_ type: GraphQL.TypeReference) throws(GraphQL.Failure) {
        if types[type.innermost] == nil { throw .problem("Undefined type \(type.innermost).", type.position) }
    }

    func check(
        _ arguments: [GraphQL.ArgumentDefinition], of directive: GraphQL.DirectiveDefinition?
    ) throws(GraphQL.Failure) {
        for argument in arguments {
            try budget.spend()
            try check(name: argument.name, at: argument.position)
            try check(argument.type)
            if let type = types[argument.type.innermost], !type.isInput {
                throw .problem(
                    "cannot use \(argument.type.description) as argument \(argument.name) because "
                        + "\(type.kind.rawValue) is not a valid input type", argument.position)
            }
            try check(argument.directives, on: "ARGUMENT_DEFINITION", of: directive)
        }
    }

    func check(
        _ uses: [GraphQL.Directive], on location: String, of current: GraphQL.DirectiveDefinition? = nil,
        isOneLocation: Bool = true
    ) throws(GraphQL.Failure) {
        var seen: Set<String> = []
        for use in uses {
            try budget.spend()
            try check(name: use.name, at: use.position)
            if let current, current.name == use.name {
                throw .problem("Directive \(current.name) cannot refer to itself.", use.position)
            }
            guard let directive = directives[use.name] else {
                throw .problem("Undefined directive \(use.name).", use.position)
            }
            if isOneLocation, !seen.insert(use.name).inserted, !directive.isRepeatable {
                throw .problem(
                    "The directive \(use.name) can only be used once at this location.", use.position)
            }
            if !directive.locations.contains(location) {
                throw .problem("Directive \(use.name) is not applicable on \(location).", use.position)
            }
            for argument in use.arguments where directive.argument(argument.name) == nil {
                throw .problem(
                    "Undefined argument \(argument.name) for directive \(use.name).", argument.position)
            }
            for argument in directive.arguments where argument.isRequired {
                let given = use.arguments.first { $0.name == argument.name }
                if given.map({ $0.value.kind == .null }) ?? true {
                    throw .problem(
                        "Argument \(argument.name) for directive \(use.name) cannot be null.", use.position)
                }
            }
        }
    }
}
