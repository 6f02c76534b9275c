/// Documents as OPA shows them: the library's trees as JSON, without positions and whatever is null or empty.
extension GraphQL {
    /// Collects the keys of one object.
    private struct Fields {
        private var pairs: [(key: Value, value: Value)] = []

        init() {}

        /// A key that is left out when its value is an empty list or object.
        mutating func add(_ key: String, _ value: Value?) {
            switch value {
            case nil: return
            case .array(let members) where members.isEmpty: return
            case .object(let object) where object.count == 0: return
            case .some(let value): pairs.append((.string(key), value))
            }
        }

        mutating func add(_ key: String, _ text: String) { add(key, .string(text)) }

        mutating func add(_ key: String, names: [String]) { add(key, .array(names.map { .string($0) })) }

        mutating func add(_ key: String, comments: [String]?) {
            guard let comments, !comments.isEmpty else { return }
            var group = Fields()
            group.add("List", .array(comments.map { .object(ObjectValue([(.string("Value"), .string($0))])) }))
            add(key, group.value)
        }

        mutating func add(_ comments: Comments) {
            add("BeforeDescriptionComment", comments: comments.beforeDescription)
            add("AfterDescriptionComment", comments: comments.afterDescription)
            add("EndOfDefinitionComment", comments: comments.endOfDefinition)
        }

        var value: Value { .object(ObjectValue(pairs)) }
    }

    static func value(of document: QueryDocument) -> Value {
        var fields = Fields()
        fields.add("Operations", .array(document.operations.map(value(of:))))
        fields.add("Fragments", .array(document.fragments.map(value(of:))))
        return fields.value
    }

    static func value(of document: SchemaDocument) -> Value {
        var fields = Fields()
        fields.add("Schema", .array(document.schemas.map(value(of:))))
        fields.add("SchemaExtension", .array(document.schemaExtensions.map(value(of:))))
        fields.add("Directives", .array(document.directives.map(value(of:))))
        fields.add("Definitions", .array(document.definitions.map(value(of:))))
        fields.add("Extensions", .array(document.extensions.map(value(of:))))
        fields.add("Comment", comments: document.comments)
        return fields.value
    }

    private static func value(of operation: OperationDefinition) -> Value {
        var fields = Fields()
        fields.add("Operation", operation.operation)
        fields.add("Name", operation.name)
        fields.add("VariableDefinitions", .array(operation.variables.map(value(of:))))
        fields.add("Directives", .array(operation.directives.map(value(of:))))
        fields.add("SelectionSet", .array(operation.selections.map(value(of:))))
        fields.add("Comment", comments: operation.comments)
        return fields.value
    }

    private static func value(of fragment: FragmentDefinition) -> Value {
        var fields = Fields()
        fields.add("Name", fragment.name)
        fields.add("VariableDefinition", .array(fragment.variables.map(value(of:))))
        fields.add("TypeCondition", fragment.typeCondition)
        fields.add("Directives", .array(fragment.directives.map(value(of:))))
        fields.add("SelectionSet", .array(fragment.selections.map(value(of:))))
        fields.add("Comment", comments: fragment.comments)
        return fields.value
    }

    private static func value(of variable: VariableDefinition) -> Value {
        var fields = Fields()
        fields.add("Variable", variable.name)
        fields.add("Type", value(of: variable.type))
        fields.add("DefaultValue", variable.defaultValue.map(value(of:)))
        fields.add("Directives", .array(variable.directives.map(value(of:))))
        fields.add("Comment", comments: variable.comments)
        fields.add("Used", .bool(false))
        return fields.value
    }

    private static func value(of selection: Selection) -> Value {
        var fields = Fields()
        switch selection {
        case .field(let field):
            fields.add("Alias", field.alias)
            fields.add("Name", field.name)
            fields.add("Arguments", .array(field.arguments.map(value(of:))))
            fields.add("Directives", .array(field.directives.map(value(of:))))
            fields.add("SelectionSet", .array(field.selections.map(value(of:))))
            fields.add("Comment", comments: field.comments)
        case .spread(let spread):
            fields.add("Name", spread.name)
            fields.add("Directives", .array(spread.directives.map(value(of:))))
            fields.add("Comment", comments: spread.comments)
        case .inline(let fragment):
            fields.add("TypeCondition", fragment.typeCondition)
            fields.add("Directives", .array(fragment.directives.map(value(of:))))
            fields.add("SelectionSet", .array(fragment.selections.map(value(of:))))
            fields.add("Comment", comments: fragment.comments)
        }
        return fields.value
    }

    private static func value(of directive: Directive) -> Value {
        var fields = Fields()
        fields.add("Name", directive.name)
        fields.add("Arguments", .array(directive.arguments.map(value(of:))))
        fields.add("Location", "")
        return fields.value
    }

    private static func value(of argument: Argument) -> Value {
        var fields = Fields()
        fields.add("Name", argument.name)
        fields.add("Value", value(of: argument.value))
        fields.add("Comment", comments: argument.comments)
        return fields.value
    }

    private static func value(of literal: Literal) -> Value {
        var fields = Fields()
        fields.add("Raw", literal.raw)
        fields.add("Kind", .int(literal.kind.rawValue))
        let children = literal.children.map { child in
            var fields = Fields()
            fields.add("Name", child.name)
            fields.add("Value", value(of: child.value))
            fields.add("Comment", comments: child.comments)
            return fields.value
        }
        fields.add("Children", .array(children))
        fields.add("ExpectedTypeHasDefault", .bool(false))
        fields.add("Comment", comments: literal.comments)
        return fields.value
    }

    private static func value(of type: TypeReference) -> Value {
        var fields = Fields()
        fields.add("NamedType", type.name)
        fields.add("Elem", type.element.map(value(of:)))
        fields.add("NonNull", .bool(type.isNonNull))
        return fields.value
    }

    private static func value(of schema: SchemaDefinition) -> Value {
        var fields = Fields()
        fields.add("Description", schema.description)
        fields.add("Directives", .array(schema.directives.map(value(of:))))
        let types = schema.operationTypes.map { type in
            var fields = Fields()
            fields.add("Operation", type.operation)
            fields.add("Type", type.type)
            fields.add("Comment", comments: type.comments)
            return fields.value
        }
        fields.add("OperationTypes", .array(types))
        fields.add(schema.comments)
        return fields.value
    }

    private static func value(of definition: Definition) -> Value {
        var fields = Fields()
        fields.add("Kind", definition.kind.rawValue)
        fields.add("Description", definition.description)
        fields.add("Name", definition.name)
        fields.add("Directives", .array(definition.directives.map(value(of:))))
        fields.add("Interfaces", names: definition.interfaces)
        fields.add("Fields", .array(definition.fields.map(value(of:))))
        fields.add("Types", names: definition.types)
        fields.add("EnumValues", .array(definition.values.map(value(of:))))
        fields.add("BuiltIn", .bool(definition.isBuiltIn))
        fields.add(definition.comments)
        return fields.value
    }

    private static func value(of field: FieldDefinition) -> Value {
        var fields = Fields()
        fields.add("Description", field.description)
        fields.add("Name", field.name)
        fields.add("Arguments", .array(field.arguments.map(value(of:))))
        fields.add("DefaultValue", field.defaultValue.map(value(of:)))
        fields.add("Type", value(of: field.type))
        fields.add("Directives", .array(field.directives.map(value(of:))))
        fields.add(field.comments)
        return fields.value
    }

    private static func value(of argument: ArgumentDefinition) -> Value {
        var fields = Fields()
        fields.add("Description", argument.description)
        fields.add("Name", argument.name)
        fields.add("DefaultValue", argument.defaultValue.map(value(of:)))
        fields.add("Type", value(of: argument.type))
        fields.add("Directives", .array(argument.directives.map(value(of:))))
        fields.add(argument.comments)
        return fields.value
    }

    private static func value(of enumValue: EnumValueDefinition) -> Value {
        var fields = Fields()
        fields.add("Description", enumValue.description)
        fields.add("Name", enumValue.name)
        fields.add("Directives", .array(enumValue.directives.map(value(of:))))
        fields.add(enumValue.comments)
        return fields.value
    }

    private static func value(of directive: DirectiveDefinition) -> Value {
        var fields = Fields()
        fields.add("Description", directive.description)
        fields.add("Name", directive.name)
        fields.add("Arguments", .array(directive.arguments.map(value(of:))))
        fields.add("Locations", names: directive.locations)
        fields.add("IsRepeatable", .bool(directive.isRepeatable))
        fields.add(directive.comments)
        return fields.value
    }
}
