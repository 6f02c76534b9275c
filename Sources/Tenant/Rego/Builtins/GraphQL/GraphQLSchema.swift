extension GraphQL {
    /// A schema that holds together.
    final class Schema {
        var types: [String: Definition] = [:]
        var directives: [String: DirectiveDefinition] = [:]
        /// The types that a value of an interface, a union or an object may be of.
        var possible: [String: [Definition]] = [:]
        var roots: [String: Definition] = [:]
        let budget: Budget

        /// Checks a document, together with what every schema has.
        init(_ document: SchemaDocument, budget: Budget) throws(Failure) {
            self.budget = budget
            var parser = Parser(GraphQL.prelude, budget: budget)
            let prelude = try parser.schemaDocument()
            for definition in prelude.definitions { definition.isBuiltIn = true }
            try collect(prelude.definitions + document.definitions, document.extensions)
            try collect(prelude.directives + document.directives)
            if document.schemas.count > 1 {
                throw .problem(
                    "Cannot have multiple schema entry points, consider schema extensions instead.",
                    document.schemas[1].position)
            }
            for schema in document.schemas + document.schemaExtensions {
                for type in schema.operationTypes {
                    guard let definition = types[type.type] else {
                        throw .problem(
                            "Schema root \(type.operation) refers to a type \(type.type) that does not exist.",
                            type.position)
                    }
                    roots[type.operation] = definition
                }
                try check(schema.directives, on: "SCHEMA")
            }
            for name in types.keys.sorted() { if let type = types[name] { try check(type) } }
            try refuseCycles()
            for name in directives.keys.sorted() {
                guard let directive = directives[name] else { continue }
                try check(name: directive.name, at: directive.position)
                try check(directive.arguments, of: directive)
            }
            addRoots(areNamed: !document.schemas.isEmpty)
        }

        private func collect(_ definitions: [Definition], _ extensions: [Definition]) throws(Failure) {
            var all = definitions
            for definition in definitions {
                if types[definition.name] != nil {
                    throw .problem("Cannot redeclare type \(definition.name).", definition.position)
                }
                types[definition.name] = definition
            }
            for addition in extensions {
                try budget.spend()
                guard let definition = types[addition.name] else {
                    // An extension of nothing defines the type; what it says is added as by any other.
                    addition.description = ""
                    types[addition.name] = addition
                    all.append(addition)
                    continue
                }
                if definition.kind != addition.kind {
                    throw .problem(
                        "Cannot extend type \(addition.name) because the base type is a "
                            + "\(definition.kind.rawValue), not \(addition.kind.rawValue).", addition.position)
                }
                definition.directives += addition.directives
                definition.interfaces += addition.interfaces
                definition.fields += addition.fields
                definition.types += addition.types
                definition.values += addition.values
            }
            for definition in all {
                try budget.spend(definition.types.count + definition.interfaces.count)
                if definition.kind == .union {
                    for name in definition.types {
                        if let type = types[name] { possible[definition.name, default: []].append(type) }
                    }
                } else {
                    for name in definition.interfaces { possible[name, default: []].append(definition) }
                    if definition.kind == .object || definition.kind == .input {
                        possible[definition.name, default: []].append(definition)
                    }
                }
            }
        }

        private func collect(_ definitions: [DirectiveDefinition]) throws(Failure) {
            let builtIn: Set = ["include", "skip", "deprecated", "specifiedBy", "defer", "oneOf"]
            for directive in definitions {
                if directives[directive.name] != nil, !builtIn.contains(directive.name) {
                    throw .problem("Cannot redeclare directive \(directive.name).", directive.position)
                }
                directives[directive.name] = directive
            }
        }

        /// Finds the roots that no `schema` names, and lets the query root answer about the schema itself.
        private func addRoots(areNamed: Bool) {
            if !areNamed {
                for (operation, name) in [
                    ("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription"),
                ] {
                    if roots[operation] == nil { roots[operation] = types[name] }
                }
            }
            guard let query = roots["query"] else { return }
            let schema = FieldDefinition()
            schema.name = "__schema"
            schema.type = TypeReference(name: "__Schema", isNonNull: true)
            let argument = ArgumentDefinition()
            argument.name = "name"
            argument.type = TypeReference(name: "String", isNonNull: true)
            let type = FieldDefinition()
            type.name = "__type"
            type.type = TypeReference(name: "__Type")
            type.arguments = [argument]
            query.fields += [schema, type]
        }
    }
}
