/// The rules for operations, variables, fields, fragments and directives.
extension GraphQL.Walker {
    func check(_ variable: GraphQL.VariableDefinition) throws(GraphQL.Failure) {
        if variable.definition == nil {
            try report("Unknown type \"\(variable.type.innermost)\".", variable.position)
        }
    }

    func check(_ operation: GraphQL.OperationDefinition) throws(GraphQL.Failure) {
        if schema.roots[operation.kind] == nil {
            try report("Schema does not support operation type \"\(operation.operation)\"", operation.position)
        }
        if operation.name.isEmpty, document.operations.count > 1 {
            try report("This anonymous operation must be the only defined operation.", operation.position)
        }
        for variable in operation.variables where !variable.isUsed {
            let place = operation.name.isEmpty ? "" : " in operation \"\(operation.name)\""
            try report("Variable \"$\(variable.name)\" is never used\(place).", variable.position)
        }
        try checkMerging(operation.selections)
        if operation.kind == "subscription", schema.roots["subscription"] != nil {
            try checkSubscription(operation)
        }
        if !operationNames.insert(operation.name).inserted {
            try report("There can be only one operation named \"\(operation.name)\".", operation.position)
        }
        var seen: [String: Int] = [:]
        for variable in operation.variables {
            if seen[variable.name] == 1 {
                try report("There can be only one variable named \"$\(variable.name)\".", variable.position)
            }
            seen[variable.name, default: 0] += 1
        }
        for variable in operation.variables {
            if let definition = variable.definition, !definition.isInput {
                try report(
                    "Variable \"$\(variable.name)\" cannot be non-input type \"\(variable.type.description)\".",
                    variable.position)
            }
        }
    }

    /// A subscription selects one field, and none about the schema.
    private func checkSubscription(_ operation: GraphQL.OperationDefinition) throws(GraphQL.Failure) {
        var names: Set<String> = []
        var fields: [GraphQL.Field] = []
        var spread: Set<String> = []
        var open = [operation.selections[...]]
        while var selections = open.popLast() {
            guard let selection = selections.popFirst() else { continue }
            try budget.spend()
            open.append(selections)
            switch selection {
            case .field(let field): if names.insert(field.name).inserted { fields.append(field) }
            case .inline(let fragment): open.append(fragment.selections[...])
            case .spread(let use):
                if let fragment = use.definition, spread.insert(fragment.name).inserted {
                    open.append(fragment.selections[...])
                }
            }
        }
        let name =
            operation.name.isEmpty ? "Anonymous Subscription" : "Subscription \(GoQuote.quote(operation.name))"
        if fields.count > 1 {
            try report("\(name) must select only one top level field.", fields[1].position)
        }
        for field in fields where field.name.hasPrefix("__") {
            try report("\(name) must not select an introspection top level field.", field.position)
        }
    }

    func check(_ field: GraphQL.Field) throws(GraphQL.Failure) {
        if let parent = field.parent, field.definition == nil {
            try report(
                "Cannot query field \"\(field.name)\" on type \"\(parent.name)\"."
                    + (try suggestion(for: field.name, on: parent)), field.position)
        }
        if let definition = field.definition, let parent = field.parent {
            for argument in field.arguments where definition.argument(argument.name) == nil {
                try report(
                    "Unknown argument \"\(argument.name)\" on field \"\(parent.name).\(field.name)\"."
                        + (try didYouMean(argument.name, definition.arguments.map(\.name))), field.position)
            }
        }
        if field.name == "__schema" || field.name == "__type" {
            var visited: Set<String> = []
            if try listsTooDeep(field, &visited, 0, 0) {
                try report("Maximum introspection depth exceeded", field.position)
            }
        }
        if operation != nil { try checkMerging(field.selections) }
        if let definition = field.definition {
            for argument in definition.arguments where argument.isRequired {
                if !field.arguments.contains(where: { $0.name == argument.name }) {
                    try report(
                        "Field \"\(field.name)\" argument \"\(argument.name)\" of type "
                            + "\"\(argument.type.description)\" is required, but it was not provided.",
                        field.position)
                }
            }
            try checkLeaf(field, definition)
        }
        try checkUnique(field.arguments)
    }

    private func checkLeaf(_ field: GraphQL.Field, _ definition: GraphQL.FieldDefinition) throws(GraphQL.Failure) {
        guard let type = schema.types[definition.type.innermost] else { return }
        if type.isLeaf, !field.selections.isEmpty {
            try report(
                "Field \"\(field.name)\" must not have a selection since type \"\(type.name)\" has no subfields.",
                field.position)
        }
        if !type.isLeaf, field.selections.isEmpty {
            try report(
                "Field \"\(field.name)\" of type \"\(definition.type.description)\" must have a selection of "
                    + "subfields. Did you mean \"\(field.name) { ... }\"?", field.position)
        }
    }

    private func checkUnique(_ arguments: [GraphQL.Argument]) throws(GraphQL.Failure) {
        var seen: [String: Int] = [:]
        for argument in arguments {
            if seen[argument.name] == 1 {
                try report("There can be only one argument named \"\(argument.name)\".", argument.position)
            }
            seen[argument.name, default: 0] += 1
        }
    }

    /// Whether questions about the schema nest lists three deep.
    private func listsTooDeep(
        _ field: GraphQL.Field, _ visited: inout Set<String>, _ lists: Int, _ depth: Int
    ) throws(GraphQL.Failure) -> Bool {
        let isList = ["fields", "interfaces", "possibleTypes", "inputFields"].contains(field.name)
        if isList, lists + 1 >= 3 { return true }
        return try listsTooDeep(field.selections, &visited, isList ? lists + 1 : lists, depth + 1)
    }

    private func listsTooDeep(
        _ selections: [GraphQL.Selection], _ visited: inout Set<String>, _ lists: Int, _ depth: Int
    ) throws(GraphQL.Failure) -> Bool {
        try budget.check(depth: depth, limit: GraphQL.Budget.expandedNesting)
        for selection in selections {
            try budget.spend()
            switch selection {
            case .field(let field): if try listsTooDeep(field, &visited, lists, depth) { return true }
            case .inline(let fragment):
                if try listsTooDeep(fragment.selections, &visited, lists, depth + 1) { return true }
            case .spread(let spread):
                guard let fragment = spread.definition, visited.insert(spread.name).inserted else { continue }
                if try listsTooDeep(fragment.selections, &visited, lists, depth + 1) { return true }
                visited.remove(spread.name)
            }
        }
        return false
    }

    func check(_ directive: GraphQL.Directive) throws(GraphQL.Failure) {
        guard let definition = directive.definition else {
            try report("Unknown directive \"@\(directive.name)\".", directive.position)
            return try checkUnique(directive.arguments)
        }
        for argument in directive.arguments where definition.argument(argument.name) == nil {
            try report(
                "Unknown argument \"\(argument.name)\" on directive \"@\(directive.name)\"."
                    + (try didYouMean(argument.name, definition.arguments.map(\.name))), directive.position)
        }
        if !definition.locations.contains(directive.location),
            directive.position.map({ misplacedDirectives.insert($0).inserted }) ?? true
        {
            try report(
                "Directive \"@\(directive.name)\" may not be used on \(directive.location).", directive.position)
        }
        for argument in definition.arguments where argument.isRequired {
            if !directive.arguments.contains(where: { $0.name == argument.name }) {
                try report(
                    "Directive \"@\(definition.name)\" argument \"\(argument.name)\" of type "
                        + "\"\(argument.type.description)\" is required, but it was not provided.",
                    directive.position)
            }
        }
        try checkUnique(directive.arguments)
    }

    func check(_ directives: [GraphQL.Directive]) throws(GraphQL.Failure) {
        var seen: Set<String> = []
        for directive in directives {
            let isNew = seen.insert(directive.name).inserted
            if !isNew, !(directive.definition?.isRepeatable ?? false) {
                try report(
                    "The directive \"@\(directive.name)\" can only be used once at this location.",
                    directive.position)
            }
        }
    }
}
