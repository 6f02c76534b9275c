extension Parser {
    /// A term without infix operators around it: a literal, a variable, a reference, a call, a collection …
    mutating func term() throws(RegoError) -> Term {
        try enter()
        defer { depth -= 1 }
        let mark = index
        height = 0
        return try operands(of: try primary(), from: mark, spaced: false)
    }

    private mutating func primary() throws(RegoError) -> Term {
        let mark = index
        switch kind {
        case .null: return scalar(.null)
        case .true: return scalar(.bool(true))
        case .false: return scalar(.bool(false))
        case .number, .minus, .dot: return try number()
        case .string: return scalar(.string(try string()))
        case .templateStart: return try template()
        case .identifier, .contains:
            let name = variable()
            return Term(.variable(name), location(from: mark))
        case .leftBracket: return try array()
        case .leftBrace: return try setOrObject()
        case .leftParenthesis:
            advance()
            var term = try keyedTerm()
            guard take(.rightParenthesis) else { throw error("non-terminated expression") }
            term.location = location(from: mark)
            return term
        default: throw unexpected()
        }
    }

    private mutating func scalar(_ value: Value) -> Term {
        let term = Term(.scalar(value), here)
        advance()
        return term
    }

    private mutating func number() throws(RegoError) -> Term {
        let mark = index
        var text = take(.minus) ? "-" : ""
        let isFraction = take(.dot)
        if isFraction { text += "0." }
        guard kind == .number else { throw unexpected("expected number") }
        text += self.text(of: token)
        let digits = bytes(of: token)
        if !isFraction, digits.count > 1, digits.first == UInt8(ascii: "0"),
            Lexer.isDigit(digits[digits.startIndex + 1])
        {
            throw unexpected("expected number without leading zero")
        }
        guard let number = Number(json: text) else { throw error("number too big") }
        advance()
        return Term(.scalar(.number(number)), location(from: mark))
    }

    /// The text of the string token at the cursor.
    private func string() throws(RegoError) -> String {
        let content = bytes(of: token).dropFirst().dropLast()
        if bytes[Int(token.start)] == UInt8(ascii: "`") { return String(decoding: content, as: UTF8.self) }
        guard let string = content.withUnsafeBytes({ JSONEscapes.decode($0) }) else {
            throw error("illegal string literal: \(text(of: token))")
        }
        return string
    }

    /// What stands in brackets, dots and parentheses behind `head`. `spaced`: whether the first may stand apart from it,
    /// as in the head of a rule.
    mutating func operands(of head: Term, from mark: Int, spaced: Bool) throws(RegoError) -> Term {
        var head = head
        var operands: [Term] = []
        var tallest = height
        var calls = 0
        while isAdjacent || (spaced && index == mark + 1) {
            switch kind {
            case .dot:
                try checkHead(head)
                advance()
                guard kind == .identifier, isAdjacent else { throw unexpected("expected identifier") }
                operands.append(Term(.scalar(.string(text(of: token))), here))
                advance()
            case .leftBracket:
                try checkHead(head)
                advance()
                operands.append(try keyedTerm())
                tallest = max(tallest, height)
                try expect(.rightBracket, "expected ]")
            case .leftParenthesis:
                if operands.isEmpty, calls > 0 { return head }
                calls += 1
                let target = operands.isEmpty ? head : Term(.reference(head, operands), location(from: mark))
                head = try call(target, from: mark)
                tallest = max(tallest, height) + 1
                if tallest >= Self.heightLimit { throw error("nesting too deep") }
                operands = []
            default:
                return try finish(head, operands, from: mark, above: tallest)
            }
        }
        return try finish(head, operands, from: mark, above: tallest)
    }

    private mutating func finish(
        _ head: Term, _ operands: [Term], from mark: Int, above tallest: Int
    ) throws(RegoError) -> Term {
        if operands.isEmpty {
            height = tallest
            return head
        }
        try grow(above: tallest)
        return Term(.reference(head, operands), location(from: mark))
    }

    private func checkHead(_ head: Term) throws(RegoError) {
        switch head.kind {
        case .scalar(.string): return
        case .scalar(let value): throw error("illegal ref (head cannot be \(value.typeName))", at: head.location)
        case .reference: throw error("illegal ref (head cannot be ref)", at: head.location)
        default: return
        }
    }

    private mutating func call(_ target: Term, from mark: Int) throws(RegoError) -> Term {
        switch target.kind {
        case .variable, .reference: break
        default: throw unexpected("expected function name")
        }
        advance()
        let arguments = try list(until: .rightParenthesis)
        advance()
        if case .variable("set") = target.kind, arguments.isEmpty { return Term(.set([]), location(from: mark)) }
        return Term(.call(target, arguments), location(from: mark))
    }

    /// Terms with commas between them up to a bracket, which is left; a comma may precede it. `first` has been read.
    mutating func list(until end: Token.Kind, first: Term? = nil) throws(RegoError) -> [Term] {
        var terms: [Term] = []
        var tallest = 0
        if let first {
            terms.append(first)
            tallest = height
            if kind != end { try expect(.comma, "expected \",\" or \"\(end.rawValue)\"") }
        }
        while kind != end {
            terms.append(try infix())
            tallest = max(tallest, height)
            if kind == end { break }
            try expect(.comma, "expected \",\" or \"\(end.rawValue)\"")
        }
        try grow(above: tallest)
        return terms
    }
}
