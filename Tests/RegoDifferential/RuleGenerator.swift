/// Writes the rules of one module.
struct RuleGenerator {
    var terms: TermGenerator
    /// Heads and bodies as Rego v0 has them.
    let isV0: Bool
    var lines: [String] = []
    /// What the module defines: for queries and for other modules.
    var defined: [Source] = []
    private var rules = 0

    init(_ terms: TermGenerator, isV0: Bool) {
        self.terms = terms
        self.isV0 = isV0
    }

    mutating func write(_ count: Int) {
        for _ in 0..<count { rule() }
    }

    private mutating func rule() {
        rules += 1
        let name = "\(terms.random.pick(["r", "allow", "item", "x_"]))\(rules)"
        switch terms.random.below(20) {
        case 0...2: complete(name)
        case 3: constant(name)
        case 4: boolean(name)
        case 5, 6: withDefault(name)
        case 7, 8: alternatives(name)
        case 9, 10: partialSet(name)
        case 11, 12: partialObject(name)
        case 13, 14: path(name)
        case 15...17: function("f\(rules)")
        case 18: severalClauses(name)
        default: iterating(name)
        }
        terms.variables = []
    }

    private mutating func define(_ name: String, _ kind: Kind, certain: Bool, _ construct: String) {
        let source = Source(text: name, kind: kind, isCertain: certain, construct: "reference to a \(construct)")
        terms.mark(construct)
        terms.documents.append(source)
        defined.append(source)
    }

    private mutating func kind() -> Kind {
        terms.random.chance(55) ? terms.scalarKind() : terms.collectionKind()
    }

    /// Expressions that seldom fail and do not iterate.
    private mutating func body(_ count: ClosedRange<Int> = 1...3) -> [String] {
        (0..<terms.random.within(count)).map { _ in terms.statement(2) }
    }

    /// A head and a body as the dialect has them.
    private mutating func emit(_ head: String, _ body: [String]) {
        var (head, body) = (head, body)
        let sign = head.contains(" contains ") ? " contains " : " := "
        if let end = head.firstRange(of: sign), !body.isEmpty {
            let value = hoisted(String(head[end.upperBound...]), into: &body)
            head = head[..<end.upperBound] + value
        }
        body = separated(body)
        if body.isEmpty {
            lines.append(head)
        } else if isV0, !head.contains(" contains ") {
            terms.mark("v0 rule without if")
            lines.append(
                "\(head.replacing(" := ", with: " = ", maxReplacements: 1)) {\n\t\(body.joined(separator: "\n\t"))\n}")
        } else if body.count == 1, !body[0].contains("; "), terms.random.chance(30),
            !body[0].hasPrefix("every") || terms.dares()
        {
            // regopy refuses `if every`.
            terms.mark("if with one expression")
            lines.append("\(head) if \(body[0])")
        } else {
            terms.mark("if with a body")
            let separator = terms.random.chance(25) ? "; " : "\n\t"
            lines.append("\(head) if {\n\t\(body.joined(separator: separator))\n}")
        }
    }

    /// A head's value: a variable of the body when it holds a comprehension, in which regopy does not know the body's
    /// variables, or when it starts with a parenthesis.
    mutating func hoisted(_ value: String, into body: inout [String]) -> String {
        guard value.contains(" | ") || value.hasPrefix("("), !terms.dares() else { return value }
        let name = terms.fresh()
        body.append("\(name) := \(value)")
        return name
    }

    /// Expressions that regopy does not take for a part of the line before them: arguments of a call, a difference.
    mutating func separated(_ body: [String]) -> [String] {
        let dares = terms.dares()
        return body.map { text in
            (text.hasPrefix("(") || text.hasPrefix("-")) && !dares ? "true == (\(text))" : text
        }
    }

    private mutating func complete(_ name: String) {
        let kind = kind()
        let body = body()
        emit("\(name) := \(terms.term(kind, 3))", body)
        define(name, kind, certain: false, "complete rule")
    }

    private mutating func constant(_ name: String) {
        let kind = kind()
        emit("\(name) := \(terms.term(kind, 2))", [])
        define(name, kind, certain: true, "rule without a body")
    }

    private mutating func boolean(_ name: String) {
        emit(name, body())
        define(name, .bool, certain: false, "rule without a value")
    }

    private mutating func withDefault(_ name: String) {
        let kind = kind()
        lines.append("default \(name) := \(terms.constant(kind))")
        let body = body()
        emit("\(name) := \(terms.term(kind, 2))", body)
        define(name, kind, certain: true, "default rule")
    }

    private mutating func alternatives(_ name: String) {
        let kind = kind()
        var first = separated(body(1...2)) + (terms.random.chance(50) ? ["input.missing"] : [])
        let value = hoisted(terms.term(kind, 2), into: &first)
        var text = isV0 ? "\(name) = \(value) {" : "\(name) := \(value) if {"
        text += "\n\t\(first.joined(separator: "\n\t"))\n}"
        terms.variables = []
        if terms.random.chance(50) {
            terms.mark("else with a body")
            var next = separated(body(1...2))
            let value = hoisted(terms.term(kind, 1), into: &next)
            text += isV0 ? " else = \(value) {" : " else := \(value) if {"
            text += "\n\t\(next.joined(separator: "\n\t"))\n}"
            terms.variables = []
        }
        let last = terms.term(kind, 1)
        lines.append(text + (isV0 ? " else = \(last) {\n\ttrue\n}" : " else := \(last)"))
        define(name, kind, certain: true, "rule with else")
    }

    private mutating func partialSet(_ name: String) {
        let kind = terms.random.pick([Kind.integer, .string, .integer, .string, .array(.integer)])
        for _ in 0..<terms.random.within(1...2) {
            let body = [terms.iteration(2)] + (terms.random.chance(50) ? body(1...1) : [])
            let member = terms.term(kind, 1)
            // Read as an object by parsers that know v1 only: kept rare.
            if isV0, terms.dares() {
                terms.mark("v0 partial set")
                lines.append(v0Set(name, body, member))
            } else {
                emit("\(name) contains \(member)", body)
            }
            terms.variables = []
        }
        define(name, .set(kind), certain: true, "partial set rule")
    }

    private mutating func v0Set(_ name: String, _ body: [String], _ member: String) -> String {
        let key = terms.fresh("w")
        return "\(name)[\(key)] {\n\t\(body.joined(separator: "\n\t"))\n\t\(key) := \(member)\n}"
    }

    private mutating func partialObject(_ name: String) {
        let kind = kind()
        if terms.random.chance(35) {
            // Fixed keys: no two values can meet.
            for key in ["a", "b", "c"].prefix(terms.random.within(1...3)) {
                let body = body(1...2)
                emit("\(name)[\"\(key)\"] := \(terms.term(kind, 2))", body)
                terms.variables = []
            }
            define(name, .object(kind), certain: true, "partial object rule")
            return
        }
        let (key, value) = (terms.fresh("k"), terms.fresh("w"))
        let collection = terms.term(.object(kind), 2)
        emit(
            "\(name)[\(key)] := \(value)",
            ["some \(key), \(value) in \(collection)"] + (terms.random.chance(40) ? body(1...1) : []))
        define(name, .object(kind), certain: true, "partial object rule")
    }

    private mutating func path(_ name: String) {
        let kind = terms.random.pick([Kind.integer, .string])
        switch isV0 ? 0 : terms.random.below(5) {
        case 0:
            terms.mark("rule with a path")
            let body = body(1...2)
            emit("\(name).deep.leaf := \(terms.term(kind, 2))", body)
            define("\(name).deep.leaf", kind, certain: false, "rule with a path")
        case 1:
            terms.mark("multi-value rule with a path")
            emit("\(name).all contains \(terms.leaf(kind))", [terms.iteration(2)])
            define("\(name).all", .set(kind), certain: true, "multi-value rule with a path")
        case 2:
            let (key, member) = (terms.fresh("k"), terms.fresh("w"))
            emit(
                "\(name).by[\(key)] contains \(member)",
                ["some \(key) in [\"a\", \"b\", input.s]", "some \(member) in \(terms.term(.array(kind), 1))"])
            define("\(name).by", .object(.set(kind)), certain: true, "multi-value rule with a variable in its path")
        case 3:
            let (key, value) = (terms.fresh("k"), terms.fresh("w"))
            emit("\(name)[\(key)].of := \(value)", ["some \(key), \(value) in \(terms.term(.object(kind), 1))"])
            define(name, .object(.object(kind)), certain: true, "rule with a variable within its path")
        default:
            let (key, value) = (terms.fresh("k"), terms.fresh("w"))
            emit("\(name).at[\(key)] := \(value)", ["some \(key), \(value) in \(terms.term(.object(kind), 1))"])
            define("\(name).at", .object(kind), certain: true, "rule with a path and a variable key")
        }
    }

    private mutating func severalClauses(_ name: String) {
        let kind = terms.scalarKind()
        let value = terms.constant(kind)
        for _ in 0..<2 {
            emit("\(name) := \(value)", body(1...2))
            terms.variables = []
        }
        define(name, kind, certain: false, "complete rule of several clauses")
    }

    /// A complete rule that iterates: several values are a conflict, which both must see.
    private mutating func iterating(_ name: String) {
        let kind = terms.scalarKind()
        let body = [terms.iteration(1), terms.guardExpression(1)]
        let isConstant = terms.random.chance(90)
        emit("\(name) := \(isConstant ? terms.constant(kind) : terms.leaf(kind))", body)
        define(
            name, kind, certain: false, isConstant ? "complete rule that iterates" : "complete rule that may conflict")
    }
}
