/// The grammar of queries.
extension GraphQL.Parser {
    mutating func queryDocument() throws(GraphQL.Failure) -> GraphQL.QueryDocument {
        var document = GraphQL.QueryDocument()
        while true {
            let token = try peek()
            switch (token.kind, token.value) {
            case (.end, _): return document
            case (.braceLeft, _), (.name, "query"), (.name, "mutation"), (.name, "subscription"):
                document.operations.append(try operation())
            case (.name, "fragment"): document.fragments.append(try fragment())
            default: throw unexpected(token)
            }
        }
    }

    private mutating func operation() throws(GraphQL.Failure) -> GraphQL.OperationDefinition {
        let operation = GraphQL.OperationDefinition()
        (operation.position, operation.comments) = try place()
        if try peek().kind != .braceLeft {
            operation.operation = try next().value
            if try peek().kind == .name { operation.name = try next().value }
            operation.variables = try variableDefinitions()
            operation.directives = try directives(isConstant: false)
        }
        operation.selections = try selections()
        return operation
    }

    private mutating func variableDefinitions() throws(GraphQL.Failure) -> [GraphQL.VariableDefinition] {
        var definitions: [GraphQL.VariableDefinition] = []
        try list(.parenthesisLeft, .parenthesisRight) { (parser: inout Self) throws(GraphQL.Failure) in
            let definition = GraphQL.VariableDefinition()
            (definition.position, definition.comments) = try parser.place()
            definition.name = try parser.variable()
            try parser.expect(.colon)
            definition.type = try parser.type()
            if try parser.skip(.equals) { definition.defaultValue = try parser.literal(isConstant: true) }
            definition.directives = try parser.directives(isConstant: false)
            definitions.append(definition)
        }
        return definitions
    }

    private mutating func selections() throws(GraphQL.Failure) -> [GraphQL.Selection] {
        let token = try peek()
        guard token.kind == .braceLeft else {
            throw .problem("Expected {, found \(token.kind.rawValue)", token.position)
        }
        var selections: [GraphQL.Selection] = []
        try list(.braceLeft, .braceRight) { (parser: inout Self) throws(GraphQL.Failure) in
            let isFragment = try parser.peek().kind == .spread
            selections.append(isFragment ? try parser.spread() : .field(try parser.field()))
        }
        return selections
    }

    private mutating func field() throws(GraphQL.Failure) -> GraphQL.Field {
        let field = GraphQL.Field()
        (field.position, field.comments) = try place()
        field.alias = try name()
        field.name = try skip(.colon) ? try name() : field.alias
        field.arguments = try arguments(isConstant: false)
        field.directives = try directives(isConstant: false)
        if try peek().kind == .braceLeft { field.selections = try selections() }
        return field
    }

    /// A fragment where it is used: by name or in place.
    private mutating func spread() throws(GraphQL.Failure) -> GraphQL.Selection {
        let comments = try place().comments
        try expect(.spread)
        let token = try peek()
        if token.kind == .name, token.value != "on" {
            let spread = GraphQL.FragmentSpread()
            (spread.position, spread.comments) = (token.position, comments)
            spread.name = try name()
            spread.directives = try directives(isConstant: false)
            return .spread(spread)
        }
        let fragment = GraphQL.InlineFragment()
        (fragment.position, fragment.comments) = (token.position, comments)
        if token.value == "on" {
            try next()
            fragment.typeCondition = try name()
        }
        fragment.directives = try directives(isConstant: false)
        fragment.selections = try selections()
        return .inline(fragment)
    }

    private mutating func fragment() throws(GraphQL.Failure) -> GraphQL.FragmentDefinition {
        let fragment = GraphQL.FragmentDefinition()
        (fragment.position, fragment.comments) = try place()
        try expect(word: "fragment")
        let token = try peek()
        if token.value == "on" { throw unexpected(token) }
        fragment.name = try name()
        fragment.variables = try variableDefinitions()
        try expect(word: "on")
        fragment.typeCondition = try name()
        fragment.directives = try directives(isConstant: false)
        fragment.selections = try selections()
        return fragment
    }
}
