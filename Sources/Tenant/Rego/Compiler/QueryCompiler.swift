/// A query compiled against a policy.
struct CompiledQuery: Sendable {
    /// What a row holds for each written expression: the slot in the row, or nil where the value is always `true`.
    struct Column: Sendable {
        var text: String
        var location: Location
        var value: Int?
    }

    let clause: CompiledClause
    let columns: [Column]
    /// Names of the bindings and their places in the row.
    let bindings: [(name: String, value: Int)]
    /// A single expression without loops: false is a result and not a failure.
    let showsFalse: Bool
}

extension CompiledPolicy {
    /// Compiles a query: to the program it runs with and its own instructions.
    func compile(query body: Body, source: String) throws(RegoErrors) -> (Program, CompiledQuery) {
        var resolver = Resolver(state, ModuleScope())
        resolver.isQuery = true
        resolver.scopes = [resolver.scope(for: body)]
        var expressions: [ResolvedExpression] = []
        var columns: [CompiledQuery.Column] = []
        var results: [ResolvedTerm] = []
        for expression in body {
            if case .declare = expression.kind {
                resolver.resolve(expression, into: &expressions)
                continue
            }
            let text = Self.text(of: expression.location, in: source)
            var column = CompiledQuery.Column(text: text, location: expression.location)
            resolver.resolve(expression, into: &expressions)
            if let last = expressions.indices.last, let value = resolver.capture(&expressions[last]) {
                column.value = results.count
                results.append(value)
            }
            columns.append(column)
        }
        let iterates = resolver.variables.contains { !$0.isGenerated }
        let showsFalse = columns.count == 1 && !iterates
        if !showsFalse {
            expressions += results.map { ResolvedExpression(kind: .term($0), location: $0.location, isGenerated: true) }
        }
        let names = resolver.scopes[0].names
        _ = resolver.leave(body.first?.location ?? Location())
        guard resolver.errors.isEmpty else { throw RegoErrors(resolver.errors) }
        var safety = Safety(resolver.variables)
        var safe: Set<Int> = []
        let ordered = safety.order(expressions, &safe)
        guard safety.errors.isEmpty else { throw RegoErrors(safety.errors) }
        if state.options.looksAtTypes {
            var checker = TypeChecker(types, isQuery: true)
            checker.variables = resolver.variables
            checker.check(ordered)
            guard checker.errors.isEmpty else { throw RegoErrors(checker.errors) }
        }
        let (program, mocked) = program(mocking: resolver.mocked)
        let pool = ConstantPool(program.constants)
        var lowering = Lowering(state, pool, mocked: mocked, variables: resolver.variables.count)
        lowering.lower(ordered)
        lowering.expressions.append(body.first?.location ?? Location())
        var row = results.map { lowering.emit($0) }
        var bindings: [(name: String, value: Int)] = []
        for (name, slot) in names.sorted(by: { $0.key < $1.key })
        where lowering.bound.contains(slot) && !name.hasPrefix("$") {
            bindings.append((name: name, value: row.count))
            row.append(slot)
        }
        lowering.append(.emitRow(row))
        let block = Block(code: lowering.code, origins: lowering.origins, expressions: lowering.expressions)
        let clause = CompiledClause(
            block: block, frameSize: lowering.frameSize, variables: resolver.variables, name: "query",
            location: body.first?.location ?? Location())
        let query = CompiledQuery(clause: clause, columns: columns, bindings: bindings, showsFalse: showsFalse)
        return (program.adding(constants: pool.values), query)
    }

    /// The text that a location covers.
    static func text(of location: Location, in source: String) -> String {
        let bytes = source.utf8.dropFirst(location.offset).prefix(location.length)
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Resolver {
    /// Lets a written expression give its value instead of having to hold; nil when its value is `true` anyhow.
    mutating func capture(_ expression: inout ResolvedExpression) -> ResolvedTerm? {
        switch expression.kind {
        case .term(let term):
            let output = generated(expression.location)
            expression.kind = .unify(output, term)
            return output
        case .call(let callee, let arguments, nil):
            let output = generated(expression.location)
            expression.kind = .call(callee, arguments, output: output)
            return output
        default: return nil
        }
    }
}
