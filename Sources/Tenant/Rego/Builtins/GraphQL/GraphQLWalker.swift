extension GraphQL {
    /// Walks a query against a schema, notes what each part refers to and collects what is wrong.
    ///
    /// Fragments are walked where they are spread, once per operation, and again by themselves. The rules are in
    /// extensions; each is asked at its kind of node, in the order of the rules' names.
    final class Walker {
        let schema: Schema
        let document: QueryDocument
        let budget: Budget
        var problems: [Problem] = []
        var operation: OperationDefinition?
        private var depth = 0
        private var spreadFragments: Set<String> = []
        private var fragmentsByName: [String: FragmentDefinition] = [:]

        // What rules remember.
        var operationNames: Set<String> = []
        var fragmentNames: Set<String> = []
        var usedFragments: Set<String> = []
        var cycleFreeFragments: Set<String> = []
        var misplacedDirectives: Set<Position> = []
        var comparedPairs: [String: [String: Bool]] = [:]
        var comparedFragments: Set<String> = []

        init(_ document: QueryDocument, _ schema: Schema) {
            self.document = document
            self.schema = schema
            budget = schema.budget
            for fragment in document.fragments where fragmentsByName[fragment.name] == nil {
                fragmentsByName[fragment.name] = fragment
            }
        }

        func report(_ message: String, _ position: Position?) throws(Failure) {
            try budget.spend(1 + message.utf8.count / 16)
            problems.append(Problem(message: message, position: position))
        }

        func fragment(_ name: String) -> FragmentDefinition? { fragmentsByName[name] }

        /// Checks the whole document; throws the first problem, with the others after it as OPA has them.
        func check() throws(Failure) {
            for operation in document.operations {
                spreadFragments = []
                try walk(operation)
            }
            for fragment in document.fragments {
                spreadFragments = []
                let definition = schema.types[fragment.typeCondition]
                fragment.definition = definition
                try walk(fragment.directives, "FRAGMENT_DEFINITION")
                try walk(fragment.selections, in: definition)
                try check(fragment)
            }
            if let first = problems.first {
                let rest = problems.dropFirst().map { "\n" + $0.description }.joined()
                var message = first.message + rest + "\n"
                if first.position != nil, message.hasSuffix(".\n") { message.removeLast(2) }
                throw .problem(message, first.position)
            }
        }

        private func walk(_ operation: OperationDefinition) throws(Failure) {
            self.operation = operation
            for variable in operation.variables {
                variable.definition = schema.types[variable.type.innermost]
                try check(variable)
                variable.defaultValue?.expected = variable.type
                variable.defaultValue?.definition = variable.definition
            }
            for variable in operation.variables {
                if let value = variable.defaultValue { try walk(value) }
                try walk(variable.directives, "VARIABLE_DEFINITION")
            }
            try walk(operation.directives, operation.kind.uppercased())
            try walk(operation.selections, in: schema.roots[operation.kind])
            try check(operation)
            self.operation = nil
        }

        private func walk(_ directives: [Directive], _ location: String) throws(Failure) {
            for directive in directives {
                directive.definition = schema.directives[directive.name]
                directive.location = location
                for argument in directive.arguments {
                    try walk(argument, directive.definition?.argument(argument.name))
                }
                try check(directive)
            }
            try check(directives)
        }

        private func walk(_ argument: Argument, _ definition: ArgumentDefinition?) throws(Failure) {
            if let definition {
                argument.value.expected = definition.type
                argument.value.expectedHasDefault = definition.defaultValue.map { $0.kind != .null } ?? false
                argument.value.definition = schema.types[definition.type.innermost]
            }
            try walk(argument.value)
        }

        private func walk(_ value: Literal) throws(Failure) {
            try budget.spend()
            if value.kind == .variable, let operation {
                value.variable = operation.variables.first { $0.name == value.raw }
                value.variable?.isUsed = true
            }
            for child in value.children {
                if value.kind == .object, let field = value.definition?.field(child.name) {
                    child.value.expected = field.type
                    child.value.expectedHasDefault = field.defaultValue.map { $0.kind != .null } ?? false
                    child.value.definition = schema.types[field.type.innermost]
                } else if value.kind == .list, let element = value.expected?.element {
                    child.value.expected = element
                    child.value.definition = value.definition
                }
                if value.kind == .object || value.kind == .list { try walk(child.value) }
            }
            try check(value)
        }

        private func walk(_ selections: [Selection], in parent: Definition?) throws(Failure) {
            depth += 1
            try budget.check(depth: depth, limit: Budget.expandedNesting)
            for selection in selections {
                try budget.spend()
                switch selection {
                case .field(let field): try walk(field, in: parent)
                case .inline(let fragment):
                    fragment.parent = parent
                    let type = fragment.typeCondition.isEmpty ? parent : schema.types[fragment.typeCondition]
                    try walk(fragment.directives, "INLINE_FRAGMENT")
                    try walk(fragment.selections, in: type)
                    try check(fragment)
                case .spread(let spread): try walk(spread, in: parent)
                }
            }
            depth -= 1
        }

        private func walk(_ field: Field, in parent: Definition?) throws(Failure) {
            var definition = parent?.field(field.name)
            if field.name == "__typename" {
                let typeName = FieldDefinition()
                typeName.name = field.name
                typeName.type = TypeReference(name: "String")
                definition = typeName
            }
            field.definition = definition
            field.parent = parent
            for argument in field.arguments { try walk(argument, definition?.argument(argument.name)) }
            try walk(field.directives, "FIELD")
            try walk(field.selections, in: definition.flatMap { schema.types[$0.type.innermost] })
            try check(field)
        }

        private func walk(_ spread: FragmentSpread, in parent: Definition?) throws(Failure) {
            let definition = fragment(spread.name)
            spread.definition = definition
            spread.parent = parent
            try walk(spread.directives, "FRAGMENT_SPREAD")
            if let definition, spreadFragments.insert(definition.name).inserted {
                try walk(definition.directives, "FRAGMENT_DEFINITION")
                try walk(definition.selections, in: schema.types[definition.typeCondition])
            }
            try check(spread)
        }
    }
}
