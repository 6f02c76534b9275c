extension GraphQL {
    /// Makes documents of objects as `graphql.parse_query` and `graphql.parse_schema` give them.
    ///
    /// As with OPA every selection is taken for a field: objects for fragments cannot be told from fields.
    struct Decoder {
        let budget: Budget

        /// One object on the way in.
        private struct Node {
            let object: ObjectValue
            let depth: Int
            let budget: Budget

            init(_ value: Value, depth: Int, budget: Budget) throws(Failure) {
                guard case .object(let object) = value else {
                    throw .problem("json: cannot unmarshal \(value.typeName) into a GraphQL node", nil)
                }
                try budget.spend()
                try budget.check(depth: depth)
                (self.object, self.depth, self.budget) = (object, depth, budget)
            }

            /// The value at a key; null is as good as none.
            private func value(_ key: String) -> Value? {
                if let value = object[key], value != .null { value } else { nil }
            }

            private func mismatch(_ value: Value, _ key: String) -> Failure {
                .problem("json: cannot unmarshal \(value.typeName) into GraphQL field \(key)", nil)
            }

            func text(_ key: String) throws(Failure) -> String {
                switch value(key) {
                case nil: return ""
                case .string(let text): return text.string
                case .some(let value): throw mismatch(value, key)
                }
            }

            func bool(_ key: String) throws(Failure) -> Bool {
                switch value(key) {
                case nil: return false
                case .bool(let flag): return flag
                case .some(let value): throw mismatch(value, key)
                }
            }

            func int(_ key: String) throws(Failure) -> Int {
                guard let value = value(key) else { return 0 }
                if case .number(let number) = value, let int = number.int { return int }
                throw mismatch(value, key)
            }

            private func members(_ key: String) throws(Failure) -> [Value] {
                switch value(key) {
                case nil: return []
                case .array(let members): return members
                case .set(let set): return set.members
                case .some(let value): throw mismatch(value, key)
                }
            }

            func names(_ key: String) throws(Failure) -> [String] {
                var names: [String] = []
                for member in try members(key) {
                    guard case .string(let name) = member else { throw mismatch(member, key) }
                    names.append(name.string)
                }
                return names
            }

            func list<Result>(_ key: String, _ read: (Node) throws(Failure) -> Result) throws(Failure) -> [Result] {
                var results: [Result] = []
                for member in try members(key) {
                    results.append(try read(Node(member, depth: depth + 1, budget: budget)))
                }
                return results
            }

            func one<Result>(_ key: String, _ read: (Node) throws(Failure) -> Result) throws(Failure) -> Result? {
                guard let value = value(key) else { return nil }
                return try read(Node(value, depth: depth + 1, budget: budget))
            }
        }

        func query(_ value: Value) throws(Failure) -> QueryDocument {
            let node = try Node(value, depth: 0, budget: budget)
            return QueryDocument(
                operations: try node.list("Operations", operation), fragments: try node.list("Fragments", fragment))
        }

        func schema(_ value: Value) throws(Failure) -> SchemaDocument {
            let node = try Node(value, depth: 0, budget: budget)
            return SchemaDocument(
                schemas: try node.list("Schema", schemaDefinition),
                schemaExtensions: try node.list("SchemaExtension", schemaDefinition),
                directives: try node.list("Directives", directiveDefinition),
                definitions: try node.list("Definitions", definition),
                extensions: try node.list("Extensions", definition))
        }

        private func operation(_ node: Node) throws(Failure) -> OperationDefinition {
            let operation = OperationDefinition()
            operation.operation = try node.text("Operation")
            operation.name = try node.text("Name")
            operation.variables = try node.list("VariableDefinitions", variable)
            operation.directives = try node.list("Directives", directive)
            operation.selections = try node.list("SelectionSet", selection)
            return operation
        }

        private func fragment(_ node: Node) throws(Failure) -> FragmentDefinition {
            let fragment = FragmentDefinition()
            fragment.name = try node.text("Name")
            fragment.variables = try node.list("VariableDefinition", variable)
            fragment.typeCondition = try node.text("TypeCondition")
            fragment.directives = try node.list("Directives", directive)
            fragment.selections = try node.list("SelectionSet", selection)
            return fragment
        }

        private func variable(_ node: Node) throws(Failure) -> VariableDefinition {
            let variable = VariableDefinition()
            variable.name = try node.text("Variable")
            variable.type = try node.one("Type", type) ?? TypeReference()
            variable.defaultValue = try node.one("DefaultValue", literal)
            variable.directives = try node.list("Directives", directive)
            variable.isUsed = try node.bool("Used")
            return variable
        }

        private func selection(_ node: Node) throws(Failure) -> Selection {
            let field = Field()
            field.alias = try node.text("Alias")
            field.name = try node.text("Name")
            field.arguments = try node.list("Arguments", argument)
            field.directives = try node.list("Directives", directive)
            field.selections = try node.list("SelectionSet", selection)
            return .field(field)
        }

        private func argument(_ node: Node) throws(Failure) -> Argument {
            Argument(name: try node.text("Name"), value: try node.one("Value", literal) ?? Literal(.null))
        }

        private func directive(_ node: Node) throws(Failure) -> Directive {
            let directive = Directive()
            directive.name = try node.text("Name")
            directive.arguments = try node.list("Arguments", argument)
            return directive
        }

        private func literal(_ node: Node) throws(Failure) -> Literal {
            guard let kind = Literal.Kind(rawValue: try node.int("Kind")) else {
                throw .problem("unknown value kind", nil)
            }
            let literal = Literal(kind, raw: try node.text("Raw"))
            literal.children = try node.list("Children") { (child: Node) throws(Failure) in
                Literal.Child(
                    name: try child.text("Name"), value: try child.one("Value", self.literal) ?? Literal(.null))
            }
            return literal
        }

        private func type(_ node: Node) throws(Failure) -> TypeReference {
            TypeReference(
                name: try node.text("NamedType"), element: try node.one("Elem", type),
                isNonNull: try node.bool("NonNull"))
        }

        private func schemaDefinition(_ node: Node) throws(Failure) -> SchemaDefinition {
            let schema = SchemaDefinition()
            schema.description = try node.text("Description")
            schema.directives = try node.list("Directives", directive)
            schema.operationTypes = try node.list("OperationTypes") { (type: Node) throws(Failure) in
                SchemaDefinition.OperationType(operation: try type.text("Operation"), type: try type.text("Type"))
            }
            return schema
        }

        private func definition(_ node: Node) throws(Failure) -> Definition {
            guard let kind = Definition.Kind(rawValue: try node.text("Kind")) else {
                throw .problem("unknown definition kind", nil)
            }
            let definition = Definition(kind)
            definition.description = try node.text("Description")
            definition.name = try node.text("Name")
            definition.directives = try node.list("Directives", directive)
            definition.interfaces = try node.names("Interfaces")
            definition.fields = try node.list("Fields", fieldDefinition)
            definition.types = try node.names("Types")
            definition.values = try node.list("EnumValues") { (child: Node) throws(Failure) in
                let value = EnumValueDefinition()
                value.description = try child.text("Description")
                value.name = try child.text("Name")
                value.directives = try child.list("Directives", self.directive)
                return value
            }
            definition.isBuiltIn = try node.bool("BuiltIn")
            return definition
        }

        private func fieldDefinition(_ node: Node) throws(Failure) -> FieldDefinition {
            let field = FieldDefinition()
            field.description = try node.text("Description")
            field.name = try node.text("Name")
            field.arguments = try node.list("Arguments", argumentDefinition)
            field.defaultValue = try node.one("DefaultValue", literal)
            field.type = try node.one("Type", type) ?? TypeReference()
            field.directives = try node.list("Directives", directive)
            return field
        }

        private func argumentDefinition(_ node: Node) throws(Failure) -> ArgumentDefinition {
            let argument = ArgumentDefinition()
            argument.description = try node.text("Description")
            argument.name = try node.text("Name")
            argument.defaultValue = try node.one("DefaultValue", literal)
            argument.type = try node.one("Type", type) ?? TypeReference()
            argument.directives = try node.list("Directives", directive)
            return argument
        }

        private func directiveDefinition(_ node: Node) throws(Failure) -> DirectiveDefinition {
            let directive = DirectiveDefinition()
            directive.description = try node.text("Description")
            directive.name = try node.text("Name")
            directive.arguments = try node.list("Arguments", argumentDefinition)
            directive.locations = try node.names("Locations")
            directive.isRepeatable = try node.bool("IsRepeatable")
            return directive
        }
    }
}
