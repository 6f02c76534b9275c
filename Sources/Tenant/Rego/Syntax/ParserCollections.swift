extension Parser {
    /// An array or a comprehension of one, from its bracket on.
    mutating func array() throws(RegoError) -> Term {
        let mark = index
        advance()
        if take(.rightBracket) { return Term(.array([]), location(from: mark)) }
        let isList = take(.comma)
        let start = index
        let head = try term()
        if kind == .or, !isList, let body = try comprehension(until: .rightBracket) {
            return Term(.arrayComprehension(head, body), location(from: mark))
        }
        let terms = try list(until: .rightBracket, first: try infix(after: head, from: start))
        advance()
        return Term(.array(terms), location(from: mark))
    }

    /// A set, an object or a comprehension of one, from its brace on.
    mutating func setOrObject() throws(RegoError) -> Term {
        let mark = index
        advance()
        if take(.rightBrace) { return Term(.object([]), location(from: mark)) }
        let isList = take(.comma)
        let start = index
        var head = try term()
        if kind == .or, !isList, let body = try comprehension(until: .rightBrace) {
            return Term(.setComprehension(head, body), location(from: mark))
        }
        head = try infix(after: head, from: start)
        switch kind {
        case .rightBrace, .comma:
            let terms = try list(until: .rightBrace, first: head)
            advance()
            return Term(.set(terms), location(from: mark))
        case .colon: return try object(head, isList: isList, from: mark)
        default: throw unexpected("non-terminated set")
        }
    }

    /// What follows the first key of an object.
    private mutating func object(_ key: Term, isList: Bool, from mark: Int) throws(RegoError) -> Term {
        var tallest = height
        advance()
        let start = index
        var value = try term()
        tallest = max(tallest, height)
        if kind == .or, !isList {
            let before = height
            height = tallest
            if let body = try comprehension(until: .rightBrace) {
                return Term(.objectComprehension(key: key, value: value, body), location(from: mark))
            }
            height = before
        }
        value = try infix(after: value, from: start)
        tallest = max(tallest, height)
        var pairs = [(key: key, value: value)]
        while !take(.rightBrace) {
            guard take(.comma) else { throw unexpected("non-terminated object") }
            if take(.rightBrace) { break }
            let key = try infix()
            tallest = max(tallest, height)
            try expect(.colon, "expected \":\"")
            pairs.append((key, try infix()))
            tallest = max(tallest, height)
        }
        try grow(above: tallest)
        return Term(.object(pairs), location(from: mark))
    }

    /// The body of a comprehension, from its bar past its closing bracket; `height` is that of its head. Nil, with the
    /// cursor at the bar, when a comma shows that the bar is the operator.
    private mutating func comprehension(until end: Token.Kind) throws(RegoError) -> Body? {
        let (bar, tallest, names) = (index, height, wildcards)
        advance()
        do throws(RegoError) {
            let body = try body(until: end)
            try grow(above: max(tallest, height))
            return body
        } catch {
            guard kind == .comma, error.message != Self.tooDeep else { throw error }
            restore(index: bar, wildcards: names)
            height = tallest
            return nil
        }
    }
}
