extension Parser {
    /// Expressions up to a bracket, and past it.
    mutating func body(until end: Token.Kind) throws(RegoError) -> Body {
        try enter()
        defer { depth -= 1 }
        if kind == end { throw error("found empty body") }
        var body: Body = []
        var tallest = 0
        while true {
            body.append(try literal())
            tallest = max(tallest, height)
            if take(.semicolon) {
                if kind == end { throw unexpected() }
                continue
            }
            if take(end) { break }
            if !token.followsLine { throw unexpected("expected \\n or ; or \(end.rawValue)") }
        }
        try grow(above: tallest)
        return body
    }

    /// One expression of a body.
    mutating func literal() throws(RegoError) -> Expression {
        let mark = index
        let isNegated = take(.not)
        var expression: Expression
        switch kind {
        case .some:
            if isNegated { throw unexpected("illegal negation of 'some'") }
            expression = try some()
        case .every:
            if isNegated { throw unexpected("illegal negation of 'every'") }
            expression = try every()
        default:
            expression = try comparison()
        }
        if isNegated {
            try grow(above: height)
            expression = Expression(.not(expression), location(from: mark))
        }
        let tallest = height
        expression.modifiers = try modifiers()
        height = max(height, tallest)
        expression.location = location(from: mark)
        return expression
    }

    /// A term, `left = right` or `left := right`.
    private mutating func comparison() throws(RegoError) -> Expression {
        let mark = index
        let left = try keyedTerm()
        let sign = kind
        guard sign == .assign || sign == .unify else { return Expression(.term(left), location(from: mark)) }
        let tallest = height
        advance()
        let right = try keyedTerm()
        try grow(above: max(tallest, height))
        return Expression(sign == .assign ? .assign(left, right) : .unify(left, right), location(from: mark))
    }

    /// `with target as value`, any number of times; sets `height` to theirs.
    mutating func modifiers() throws(RegoError) -> [Modifier] {
        var modifiers: [Modifier] = []
        var tallest = 0
        while kind == .with {
            let mark = index
            advance()
            guard kind == .identifier || kind == .contains else { throw unexpected("expected ident") }
            let target = try term()
            switch target.kind {
            case .variable, .reference: break
            default: throw error("expected with target path", at: target.location)
            }
            tallest = max(tallest, height)
            guard take(.as) else { throw unexpected("expected as keyword") }
            let value = try keyedTerm()
            tallest = max(tallest, height)
            modifiers.append(Modifier(target: target, value: value, location(from: mark)))
        }
        height = tallest
        return modifiers
    }

    /// `some x, y`, `some x in xs` or `some k, v in xs`.
    private mutating func some() throws(RegoError) -> Expression {
        let mark = index
        advance()
        if keywords.contains(.in) {
            let (start, names) = (index, wildcards)
            do throws(RegoError) {
                let term = try keyedTerm()
                if let (key, value, collection) = term.membership {
                    return Expression(
                        .declareIn(key: key, value: value, collection: collection), location(from: mark))
                }
                if case .call = term.kind { throw unexpected("expected `x in xs` or `x, y in xs` expression") }
            } catch {
                if kind(at: start) != .identifier || error.message == Self.tooDeep { throw error }
                var place = start + 1
                while kind(at: place) == .comma, kind(at: place + 1) == .identifier { place += 2 }
                // Names with nothing but commas between them, then what a term cannot hold: the list below.
                if kind(at: place) == .in { throw error }
            }
            restore(index: start, wildcards: names)
        }
        var names: [String] = []
        repeat {
            guard kind == .identifier || kind == .contains else { throw unexpected("expected var") }
            names.append(variable())
        } while take(.comma)
        height = 0
        return Expression(.declare(names), location(from: mark))
    }

    /// `every x in xs { … }` or `every k, v in xs { … }`.
    private mutating func every() throws(RegoError) -> Expression {
        let mark = index
        advance()
        let term = try keyedTerm()
        guard let (key, value, collection) = term.membership else {
            throw unexpected("expected `x[, y] in xs { ... }` expression")
        }
        if let key, !key.isVariable { throw error("expected key to be a variable", at: key.location) }
        if !value.isVariable { throw error("expected value to be a variable", at: value.location) }
        let tallest = height
        guard take(.leftBrace) else { throw unexpected("missing body") }
        let body = try body(until: .rightBrace)
        try grow(above: max(tallest, height))
        return Expression(
            .every(key: key, value: value, collection: collection, body: body), location(from: mark))
    }
}

extension Term {
    /// Whether the term is a variable alone.
    var isVariable: Bool { if case .variable = kind { true } else { false } }
}
