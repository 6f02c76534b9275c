/// The grammar of schemas.
extension GraphQL.Parser {
    private typealias Description = (text: String, comments: [String]?)

    mutating func schemaDocument() throws(GraphQL.Failure) -> GraphQL.SchemaDocument {
        var document = GraphQL.SchemaDocument()
        while try peek().kind != .end {
            let described = try description()
            let token = try peek()
            guard token.kind == .name else { throw unexpected(token) }
            switch token.value {
            case "schema": document.schemas.append(try schema(described))
            case "directive": document.directives.append(try directiveDefinition(described))
            case "extend":
                if !described.text.isEmpty { throw unexpected(previous) }
                try typeExtension(&document)
            default:
                guard let kind = Self.kinds[token.value] else { throw unexpected(token) }
                let comments = try expect(word: token.value)
                document.definitions.append(try definition(kind, described, comments, isExtension: false))
            }
        }
        document.comments = comments
        return document
    }

    private static let kinds: [String: GraphQL.Definition.Kind] = [
        "scalar": .scalar, "type": .object, "interface": .interface, "union": .union, "enum": .enumeration,
        "input": .input,
    ]

    private mutating func description() throws(GraphQL.Failure) -> Description {
        let token = try peek()
        guard token.kind == .string || token.kind == .blockString else { return ("", nil) }
        let comments = comments
        try next()
        return (token.value, comments)
    }

    private mutating func schema(_ described: Description) throws(GraphQL.Failure) -> GraphQL.SchemaDefinition {
        let schema = GraphQL.SchemaDefinition()
        schema.comments.afterDescription = try expect(word: "schema")
        schema.comments.beforeDescription = described.comments
        schema.description = described.text
        try schemaBody(schema)
        return schema
    }

    private mutating func schemaBody(_ schema: GraphQL.SchemaDefinition) throws(GraphQL.Failure) {
        schema.position = try peek().position
        schema.directives = try directives(isConstant: true)
        schema.comments.endOfDefinition = try list(.braceLeft, .braceRight) {
            (parser: inout Self) throws(GraphQL.Failure) in
            var type = GraphQL.SchemaDefinition.OperationType()
            (type.position, type.comments) = try parser.place()
            let token = try parser.next()
            guard ["query", "mutation", "subscription"].contains(token.value) else { throw parser.unexpected(token) }
            type.operation = token.value
            try parser.expect(.colon)
            type.type = try parser.name()
            schema.operationTypes.append(type)
        }
    }

    private mutating func typeExtension(_ document: inout GraphQL.SchemaDocument) throws(GraphQL.Failure) {
        let comments = try expect(word: "extend")
        let token = try peek()
        if token.value == "schema" {
            try expect(word: "schema")
            let schema = GraphQL.SchemaDefinition()
            schema.comments.afterDescription = comments
            try schemaBody(schema)
            if schema.directives.isEmpty, schema.operationTypes.isEmpty { throw unexpected(try peek()) }
            document.schemaExtensions.append(schema)
            return
        }
        guard let kind = Self.kinds[token.value] else { throw unexpected(token) }
        try expect(word: token.value)
        let definition = try definition(kind, ("", nil), comments, isExtension: true)
        let isEmpty =
            definition.directives.isEmpty && definition.interfaces.isEmpty && definition.fields.isEmpty
            && definition.types.isEmpty && definition.values.isEmpty
        if isEmpty { throw unexpected(try peek()) }
        document.extensions.append(definition)
    }

    private mutating func definition(
        _ kind: GraphQL.Definition.Kind, _ described: Description, _ comments: [String]?, isExtension: Bool
    ) throws(GraphQL.Failure) -> GraphQL.Definition {
        let definition = GraphQL.Definition(kind)
        definition.position = try peek().position
        definition.description = described.text
        definition.comments.beforeDescription = described.comments
        definition.comments.afterDescription = comments
        definition.name = try name()
        if kind == .object || (kind == .interface && !isExtension) { definition.interfaces = try interfaces() }
        definition.directives = try directives(isConstant: !(kind == .input && isExtension))
        switch kind {
        case .scalar: break
        case .union: definition.types = try unionMembers()
        case .enumeration:
            definition.comments.endOfDefinition = try list(.braceLeft, .braceRight) {
                (parser: inout Self) throws(GraphQL.Failure) in definition.values.append(try parser.enumValue())
            }
        case .object, .interface, .input:
            definition.comments.endOfDefinition = try list(.braceLeft, .braceRight) {
                (parser: inout Self) throws(GraphQL.Failure) in
                definition.fields.append(try parser.fieldDefinition(isInput: kind == .input))
            }
        }
        return definition
    }

    private mutating func interfaces() throws(GraphQL.Failure) -> [String] {
        guard try peek().value == "implements" else { return [] }
        try next()
        _ = try skip(.ampersand)
        var names = [try name()]
        while try skip(.ampersand) { names.append(try name()) }
        return names
    }

    private mutating func unionMembers() throws(GraphQL.Failure) -> [String] {
        guard try skip(.equals) else { return [] }
        _ = try skip(.pipe)
        var names = [try name()]
        while try skip(.pipe) { names.append(try name()) }
        return names
    }

    private mutating func enumValue() throws(GraphQL.Failure) -> GraphQL.EnumValueDefinition {
        let value = GraphQL.EnumValueDefinition()
        (value.description, value.comments, value.position) = try member()
        value.name = try name()
        value.directives = try directives(isConstant: true)
        return value
    }

    /// What stands before the name of a field, an argument or an enum value.
    private mutating func member() throws(GraphQL.Failure) -> (String, GraphQL.Comments, GraphQL.Position) {
        let described = try description()
        var comments = GraphQL.Comments()
        if !described.text.isEmpty { comments.beforeDescription = described.comments }
        let place = try place()
        comments.afterDescription = place.comments
        return (described.text, comments, place.position)
    }

    private mutating func fieldDefinition(isInput: Bool) throws(GraphQL.Failure) -> GraphQL.FieldDefinition {
        let field = GraphQL.FieldDefinition()
        (field.description, field.comments, field.position) = try member()
        field.name = try name()
        if !isInput { field.arguments = try argumentDefinitions() }
        try expect(.colon)
        field.type = try type()
        if isInput, try skip(.equals) { field.defaultValue = try literal(isConstant: true) }
        field.directives = try directives(isConstant: true)
        return field
    }

    private mutating func argumentDefinitions() throws(GraphQL.Failure) -> [GraphQL.ArgumentDefinition] {
        var arguments: [GraphQL.ArgumentDefinition] = []
        try list(.parenthesisLeft, .parenthesisRight) { (parser: inout Self) throws(GraphQL.Failure) in
            let argument = GraphQL.ArgumentDefinition()
            (argument.description, argument.comments, argument.position) = try parser.member()
            argument.name = try parser.name()
            try parser.expect(.colon)
            argument.type = try parser.type()
            if try parser.skip(.equals) { argument.defaultValue = try parser.literal(isConstant: true) }
            argument.directives = try parser.directives(isConstant: true)
            arguments.append(argument)
        }
        return arguments
    }

    private mutating func directiveDefinition(
        _ described: Description
    ) throws(GraphQL.Failure) -> GraphQL.DirectiveDefinition {
        let directive = GraphQL.DirectiveDefinition()
        directive.comments.afterDescription = try expect(word: "directive")
        directive.comments.beforeDescription = described.comments
        directive.description = described.text
        try expect(.at)
        directive.position = try peek().position
        directive.name = try name()
        directive.arguments = try argumentDefinitions()
        let token = try peek()
        if token.kind == .name, token.value == "repeatable" {
            directive.isRepeatable = true
            try next()
        }
        try expect(word: "on")
        _ = try skip(.pipe)
        repeat {
            let location = try expect(.name)
            guard Self.locations.contains(location.value) else { throw unexpected(location) }
            directive.locations.append(location.value)
        } while try skip(.pipe)
        return directive
    }

    private static let locations: Set<String> = [
        "QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD", "INLINE_FRAGMENT",
        "VARIABLE_DEFINITION", "SCHEMA", "SCALAR", "OBJECT", "FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INTERFACE",
        "UNION", "ENUM", "ENUM_VALUE", "INPUT_OBJECT", "INPUT_FIELD_DEFINITION",
    ]
}
