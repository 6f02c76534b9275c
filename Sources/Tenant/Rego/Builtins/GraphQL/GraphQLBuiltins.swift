extension Builtin {
    /// `graphql.*`.
    static let graphQL: [Builtin] = [
        Builtin("graphql.parse", 2) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            // OPA counts these operands from zero.
            for (index, argument) in arguments.prefix(2).enumerated() where !GraphQL.isDocument(argument) {
                throw .operand(index, argument, ["string", "object"])
            }
            let (query, schema) = try GraphQL.strictly(&context) { (budget: GraphQL.Budget) throws(GraphQL.Failure) in
                try GraphQL.checked(arguments, budget)
            }
            return .array([query, schema])
        },
        Builtin("graphql.parse_and_verify", 2) {
            (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let found = try GraphQL.leniently(&context) { (budget: GraphQL.Budget) throws(GraphQL.Failure) in
                try GraphQL.checked(arguments, budget)
            }
            let empty = Value.object(ObjectValue([]))
            return .array([.bool(found != nil), found?.0 ?? empty, found?.1 ?? empty])
        },
        Builtin("graphql.parse_query", 1) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let text = try arguments.string(1)
            return try GraphQL.strictly(&context) { (budget: GraphQL.Budget) throws(GraphQL.Failure) in
                var parser = GraphQL.Parser(text, budget: budget)
                return GraphQL.value(of: try parser.queryDocument())
            }
        },
        Builtin("graphql.parse_schema", 1) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let text = try arguments.string(1)
            return try GraphQL.strictly(&context) { (budget: GraphQL.Budget) throws(GraphQL.Failure) in
                var parser = GraphQL.Parser(text, budget: budget)
                return GraphQL.value(of: try parser.schemaDocument())
            }
        },
        Builtin("graphql.is_valid", 2) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let found = try GraphQL.leniently(&context) { (budget: GraphQL.Budget) throws(GraphQL.Failure) in
                try GraphQL.checked(arguments, budget)
            }
            return .bool(found != nil)
        },
        Builtin("graphql.schema_is_valid", 1) {
            (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let found = try GraphQL.leniently(&context) { (budget: GraphQL.Budget) throws(GraphQL.Failure) in
                try GraphQL.Schema(GraphQL.schemaDocument(arguments.operand(1), budget), budget: budget)
            }
            return .bool(found != nil)
        },
    ]
}

extension GraphQL {
    static func isDocument(_ value: Value) -> Bool {
        switch value {
        case .string, .object: true
        default: false
        }
    }

    /// A query as a text or as an object.
    static func queryDocument(_ value: Value, _ budget: Budget) throws(Failure) -> QueryDocument {
        guard case .string(let text) = value else { return try Decoder(budget: budget).query(value) }
        var parser = Parser(text.string, budget: budget)
        return try parser.queryDocument()
    }

    /// A schema as a text or as an object.
    static func schemaDocument(_ value: Value, _ budget: Budget) throws(Failure) -> SchemaDocument {
        guard case .string(let text) = value else { return try Decoder(budget: budget).schema(value) }
        var parser = Parser(text.string, budget: budget)
        return try parser.schemaDocument()
    }

    /// A query and a schema that it is valid for, as values.
    static func checked(_ arguments: [Value], _ budget: Budget) throws(Failure) -> (Value, Value) {
        let query = try queryDocument(arguments.operand(1), budget)
        let schema = try schemaDocument(arguments.operand(2), budget)
        let values = (value(of: query), value(of: schema))
        let checked: Schema
        do throws(Failure) {
            checked = try Schema(schema, budget: budget)
        } catch .problem(let problem) {
            throw .problem(
                "Error in gqlparser SchemaDocument to Schema conversion: \(problem.description)", nil)
        } catch {
            throw error
        }
        try Walker(query, checked).check()
        return values
    }

    /// Runs; problems are builtin errors.
    static func strictly<Result>(
        _ context: inout Builtin.Context, _ body: (Budget) throws(Failure) -> Result
    ) throws(Builtin.Failure) -> Result {
        do throws(Failure) {
            return try body(Budget(context.charge))
        } catch {
            switch error {
            case .stopped(let failure): throw failure
            case .problem(let problem):
                guard let place = problem.position else {
                    throw .builtin("GraphQL parse error: \(problem.description)")
                }
                throw .builtin("\(problem.message) in GraphQL string at location \(place.line):\(place.column)")
            }
        }
    }

    /// Runs; nil when there are problems.
    static func leniently<Result>(
        _ context: inout Builtin.Context, _ body: (Budget) throws(Failure) -> Result
    ) throws(Builtin.Failure) -> Result? {
        do throws(Failure) {
            return try body(Budget(context.charge))
        } catch {
            if case .stopped(let failure) = error { throw failure }
            return nil
        }
    }
}
