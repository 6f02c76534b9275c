extension Parser {
    /// What a module's rules say against v1, found while its rules are read; it counts when the module is v1.
    typealias Complaints = [RegoError]

    /// How many of them are told: each brings its line, and a source can have millions.
    static let complaintLimit = 100

    /// The head of a rule as it is read.
    private struct Head {
        var path: Term
        var arguments: [Term]?
        var key: Term?
        var value: Term?
        var assigns = false

        /// Operands of the path, the head variable not counted.
        var operands: [Term] { if case .reference(_, let operands) = path.kind { operands } else { [] } }
    }

    /// A rule, and with v0's `{…} {…}` further ones of the same head.
    mutating func rules(_ complaints: inout Complaints) throws(RegoError) -> [Rule] {
        let (mark, names) = (index, wildcards)
        if take(.default) { return [try defaultRule(from: mark)] }
        guard kind == .identifier else { throw try notARule() }
        var head = try head()
        let usesContains = head.key != nil
        let hasIf = kind == .if
        guard hasIf || kind == .leftBrace || usesContains || head.value != nil else {
            restore(index: mark, wildcards: names)
            return [try bareRule(&complaints)]
        }
        if !hasIf, !usesContains, head.arguments == nil, head.value == nil, head.operands.count == 1 {
            // v0: `p[x] { … }` is a set.
            head.key = head.operands[0]
            if case .reference(let name, _) = head.path.kind { head.path = name }
        }
        var rule = Rule(path: head.path, head: Self.kind(of: head), assigns: head.assigns, location(from: mark))
        if hasIf {
            advance()
            rule.body = try ifBody()
        } else if take(.leftBrace) {
            rule.body = try body(until: .rightBrace)
        } else {
            try checkEnd()
        }
        if kind == .else, !rule.body.isEmpty {
            try checkElse(head)
            rule.alternatives = try alternatives(&complaints)
        }
        rule.location = location(from: mark)
        complain(about: rule, hasIf: hasIf, usesContains: usesContains, &complaints)
        var rules = [rule]
        while kind == .leftBrace, !rule.body.isEmpty {
            if !rule.alternatives.isEmpty { throw unexpected("expected else keyword") }
            let start = index
            advance()
            var next = rule
            next.body = try body(until: .rightBrace)
            next.location = location(from: start)
            rules.append(next)
        }
        return rules
    }

    private static func kind(of head: Head) -> Rule.HeadKind {
        let value = head.value ?? Term(.scalar(.bool(true)), head.path.location)
        if let arguments = head.arguments { return .function(arguments: arguments, value: value) }
        if let key = head.key { return .contains(key) }
        return .value(value)
    }

    private mutating func head() throws(RegoError) -> Head {
        let mark = index
        height = 0
        let name = Term(.variable(variable()), location(from: mark))
        let term = try operands(of: name, from: mark, spaced: true)
        var head: Head
        switch term.kind {
        case .variable: head = Head(path: term)
        case .reference(let first, _) where first.isVariable: head = Head(path: term)
        case .call(let target, let arguments): head = Head(path: target, arguments: arguments)
        default: throw unexpected("expected rule head name")
        }
        if case .reference(let first, _) = head.path.kind, !first.isVariable {
            throw unexpected("expected rule head name")
        }
        switch kind {
        case .contains:
            let example = "(e.g., \(head.path.text) contains <VALUE> { ... })"
            if head.arguments != nil {
                throw unexpected("the contains keyword can only be used with multi-value rule definitions \(example)")
            }
            advance()
            if kind == .end { throw unexpected("expected rule key term \(example)") }
            head.key = try keyedTerm()
        case .unify, .assign:
            head.assigns = kind == .assign
            let sign = kind == .assign ? ":=" : "="
            advance()
            if kind == .end || kind == .if || kind == .rightBrace {
                let example = "\(head.path.text)\(head.arguments == nil ? "" : "(...)") \(sign) <VALUE> { ... }"
                throw unexpected(
                    "expected \(head.arguments == nil ? "rule" : "function") value term (e.g., \(example))")
            }
            head.value = try keyedTerm()
        default: break
        }
        return head
    }

    /// What follows `if`: one expression, or several in braces. Braces around one term are no set here.
    private mutating func ifBody() throws(RegoError) -> Body {
        guard kind == .leftBrace else { return [try literal()] }
        let (mark, names) = (index, wildcards)
        do throws(RegoError) {
            let literal = try literal()
            if case .term(let term) = literal.kind, case .set = term.kind {} else { return [literal] }
        } catch {
            // Not an expression that starts with a brace: a body, or an error that the body shows better.
        }
        restore(index: mark, wildcards: names)
        advance()
        return try body(until: .rightBrace)
    }

    private func checkElse(_ head: Head) throws(RegoError) {
        if head.key != nil { throw error("else keyword cannot be used on multi-value rules") }
        if !head.operands.allSatisfy({ $0.isGround }) {
            throw error("else keyword cannot be used on rules with variables in head")
        }
    }

    private mutating func alternatives(
        _ complaints: inout Complaints
    ) throws(RegoError) -> [(value: Term, body: Body, location: Location)] {
        var alternatives: [(value: Term, body: Body, location: Location)] = []
        while kind == .else {
            let mark = index
            advance()
            var value = Term(.scalar(.bool(true)), location(from: mark))
            switch kind {
            case .leftBrace, .if: break
            case .assign, .unify:
                advance()
                value = try keyedTerm()
            default: throw unexpected("expected else value term or rule body")
            }
            let hasIf = take(.if)
            var body: Body = []
            if take(.leftBrace) {
                body = try self.body(until: .rightBrace)
                if !hasIf {
                    complaints.append(error("`if` keyword is required before rule body", at: location(from: mark)))
                }
            } else if hasIf {
                if kind == .end { throw unexpected("rule body expected") }
                body = [try literal()]
            }
            alternatives.append((value, body, location(from: mark)))
            if body.isEmpty { break }
        }
        return alternatives
    }

    private mutating func defaultRule(from mark: Int) throws(RegoError) -> Rule {
        guard kind == .identifier else { throw unexpected("expected rule head name") }
        let head = try head()
        let place = location(from: mark)
        guard head.key == nil, let value = head.value else {
            throw error("illegal default rule (must have a value)", at: place)
        }
        if let kind = value.nonConstant {
            throw error("illegal default rule (value cannot contain \(kind))", at: place)
        }
        var names: Set<String> = []
        for argument in head.arguments ?? [] {
            guard case .variable(let name) = argument.kind else {
                throw error("illegal default rule (arguments cannot contain \(argument.kindName))", at: place)
            }
            guard names.insert(name).inserted else {
                throw error("illegal default rule (arguments cannot be repeated \(name))", at: place)
            }
        }
        try checkEnd()
        return Rule(
            path: head.path, head: Self.kind(of: head), isDefault: true, assigns: head.assigns, place)
    }

    /// Refuses what cannot follow a rule without a body.
    private func checkEnd() throws(RegoError) {
        if kind == .semicolon { throw error("multiple expressions cannot be used for rule head") }
        if kind == .with { throw error("expressions using with keyword cannot be used for rule head") }
    }

    /// A statement of a term alone: in v0 a rule without value and body, as `p["x"]` or `f(1)`.
    private mutating func bareRule(_ complaints: inout Complaints) throws(RegoError) -> Rule {
        let mark = index
        let literal = try literal()
        if !literal.modifiers.isEmpty {
            throw error("expressions using with keyword cannot be used for rule head", at: literal.location)
        }
        try checkEnd()
        let yes = Term(.scalar(.bool(true)), literal.location)
        guard case .term(let term) = literal.kind else {
            throw error("expression cannot be used for rule head", at: literal.location)
        }
        let lacks = "must have value assignment and/or body declaration"
        switch term.kind {
        case .reference(let head, let operands) where head.isVariable:
            if operands.count == 1 {
                complaints.append(
                    error("`contains` keyword is required for partial set rules", at: literal.location))
                return Rule(path: head, head: .contains(operands[0]), literal.location)
            }
            complaints.append(error("rule \(lacks)", at: literal.location))
            return Rule(path: term, head: .value(yes), literal.location)
        case .call(let target, let arguments):
            if tokens[mark].end < tokens[index - 1].end, let name = target.infixName {
                throw error("rule name conflicts with built-in function", at: name)
            }
            if arguments.isEmpty {
                throw error("rule argument list must take at least one argument", at: literal.location)
            }
            // Without value and body a function of constants, `f("x")`, is true for them, in v1 too.
            return Rule(path: target, head: .function(arguments: arguments, value: yes), literal.location)
        default:
            throw error("\(term.kindName) cannot be used for rule name", at: literal.location)
        }
    }

    /// The error of a statement that cannot be a rule.
    private mutating func notARule() throws(RegoError) -> RegoError {
        let literal = try literal()
        switch literal.kind {
        case .not: return error("negated expressions cannot be used for rule head", at: literal.location)
        case .declare, .declareIn:
            return error("'some' declarations cannot be used for rule head", at: literal.location)
        case .every: return error("expression cannot be used for rule head", at: literal.location)
        case .term(let term), .assign(let term, _), .unify(let term, _):
            return error("\(term.kindName) cannot be used for rule name", at: literal.location)
        }
    }

    private func complain(about rule: Rule, hasIf: Bool, usesContains: Bool, _ complaints: inout Complaints) {
        if !hasIf, !rule.body.isEmpty {
            let kind = if case .function = rule.head { "function" } else { "rule" }
            complaints.append(error("`if` keyword is required before \(kind) body", at: rule.location))
        }
        if case .contains = rule.head, !usesContains {
            complaints.append(error("`contains` keyword is required for partial set rules", at: rule.location))
        }
    }
}
