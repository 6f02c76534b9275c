extension RuleGenerator {
    /// A function, of one or several clauses.
    mutating func function(_ name: String) {
        let result = terms.random.pick([
            Kind.integer, .string, .bool, .array(.integer), .set(.string), .integer, .string,
        ])
        switch terms.random.below(7) {
        case 0, 1: simple(name, result)
        case 2: guarded(name, result)
        case 3: patterns(name, result)
        case 4: literals(name, result)
        case 5: withDefault(name, result)
        default: alternatives(name, result)
        }
        terms.mark("function")
    }

    private mutating func clause(_ head: String, _ value: String, _ body: [String]) -> String {
        if body.isEmpty { return "\(head) \(isV0 ? "=" : ":=") \(value)" }
        var body = separated(body)
        let value = hoisted(value, into: &body)
        let text = body.joined(separator: "\n\t")
        return isV0 ? "\(head) = \(value) {\n\t\(text)\n}" : "\(head) := \(value) if {\n\t\(text)\n}"
    }

    private mutating func arguments() -> [Source] {
        (0..<terms.random.within(1...2)).map { _ in
            let kind = terms.random.pick([Kind.integer, .string, .string, .integer, .array(.integer)])
            return Source(text: terms.fresh("a"), kind: kind, construct: "argument of a function")
        }
    }

    private mutating func add(_ name: String, _ arguments: [Kind], _ result: Kind, total: Bool) {
        terms.functions.append(Function(name: name, arguments: arguments, result: result, isTotal: total))
    }

    private mutating func simple(_ name: String, _ result: Kind) {
        let arguments = arguments()
        terms.variables = arguments
        let head = "\(name)(\(arguments.map(\.text).joined(separator: ", ")))"
        lines.append(clause(head, terms.term(result, 2), []))
        add(name, arguments.map(\.kind), result, total: true)
    }

    private mutating func guarded(_ name: String, _ result: Kind) {
        terms.mark("function with a body")
        let arguments = arguments()
        terms.variables = arguments
        let head = "\(name)(\(arguments.map(\.text).joined(separator: ", ")))"
        let body = [terms.statement(1), terms.statement(1)]
        lines.append(clause(head, terms.term(result, 2), body))
        add(name, arguments.map(\.kind), result, total: false)
    }

    private mutating func patterns(_ name: String, _ result: Kind) {
        terms.mark("function with a pattern for an argument")
        let (first, second) = (terms.fresh("a"), terms.fresh("a"))
        terms.bind(first, .integer)
        lines.append(clause("\(name)([\(first)])", terms.term(result, 1), []))
        terms.variables = []
        terms.bind(second, .integer)
        lines.append(clause("\(name)([\(second), _])", terms.term(result, 1), []))
        if terms.random.chance(50) {
            terms.variables = []
            let third = terms.fresh("a")
            terms.bind(third, .integer)
            lines.append(clause("\(name)({\"key\": \(third)})", terms.term(result, 1), []))
        }
        add(name, [.array(.integer)], result, total: false)
    }

    private mutating func literals(_ name: String, _ result: Kind) {
        terms.mark("function with a constant for an argument")
        for literal in ["\"alice\"", "\"admin\"", "\"\""] {
            lines.append(clause("\(name)(\(literal))", terms.term(result, 1), []))
        }
        add(name, [.string], result, total: false)
    }

    private mutating func withDefault(_ name: String, _ result: Kind) {
        terms.mark("default function")
        let argument = terms.fresh("a")
        lines.append("default \(name)(_) := \(terms.constant(result))")
        terms.bind(argument, .string)
        let body = [terms.guardExpression(1), terms.bool(1)]
        lines.append(clause("\(name)(\(argument))", terms.term(result, 1), body))
        add(name, [.string], result, total: true)
    }

    private mutating func alternatives(_ name: String, _ result: Kind) {
        terms.mark("function with else")
        let argument = terms.fresh("a")
        terms.bind(argument, .integer)
        let known = terms.variables
        let body = [terms.bool(1)]
        let first = clause("\(name)(\(argument))", terms.term(result, 1), body)
        terms.variables = known
        let value = terms.term(result, 1)
        lines.append(first + (isV0 ? " else = \(value) {\n\ttrue\n}" : " else := \(value)"))
        add(name, [.integer], result, total: true)
    }
}
