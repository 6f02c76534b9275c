extension Parser {
    /// How tightly operators bind: membership least, then comparison, union, intersection, sums, products.
    private enum Binding {
        static let membership = 1
        static let comparison = 2
    }

    private func infixOperator() -> (name: String, binding: Int)? {
        switch kind {
        case .in: ("", Binding.membership)
        case .equal, .neq, .lt, .lte, .gt, .gte: (kind.rawValue, Binding.comparison)
        case .or: ("or", 3)
        case .and: ("and", 4)
        case .plus, .minus: (kind.rawValue, 5)
        case .mul, .div, .rem: (kind.rawValue, 6)
        default: nil
        }
    }

    /// A term with its infix operators.
    mutating func infix() throws(RegoError) -> Term {
        let mark = index
        return try infix(after: try term(), from: mark)
    }

    /// The operators after a term that has been read and started at `mark`.
    mutating func infix(after first: Term, from mark: Int, binding: Int = 1) throws(RegoError) -> Term {
        var left = first
        while let (name, own) = infixOperator(), own >= binding {
            let place = here
            advance()
            var tallest = height
            let start = index
            let right = try infix(after: try term(), from: start, binding: own + 1)
            tallest = max(tallest, height)
            try grow(above: tallest)
            let target = own == Binding.membership ? Self.member("member_2", place) : Term(.variable(name), place)
            left = Term(.call(target, [left, right]), location(from: mark))
        }
        return left
    }

    private static func member(_ name: String, _ place: Location) -> Term {
        Term(.reference(Term(.variable("internal"), place), [Term(.scalar(.string(name)), place)]), place)
    }

    /// A term where `key, value in collection` may stand too.
    mutating func keyedTerm() throws(RegoError) -> Term {
        let mark = index
        let left = try infix(after: try term(), from: mark, binding: Binding.comparison)
        if kind == .comma, keywords.contains(.in) {
            let (comma, tallest, names) = (index, height, wildcards)
            if let call = try keyedMember(left, from: mark) { return try infix(after: call, from: mark) }
            restore(index: comma, wildcards: names)
            height = tallest
        }
        return try infix(after: left, from: mark)
    }

    /// `, value in collection` after a key; nil when it is something else.
    private mutating func keyedMember(_ key: Term, from mark: Int) throws(RegoError) -> Term? {
        var tallest = height
        advance()
        let start = index
        let value: Term
        do throws(RegoError) {
            value = try infix(after: try term(), from: start, binding: Binding.comparison)
        } catch {
            return nil
        }
        guard kind == .in else { return nil }
        tallest = max(tallest, height)
        let place = here
        advance()
        let second = index
        let collection = try infix(after: try term(), from: second, binding: Binding.comparison)
        try grow(above: max(tallest, height))
        return Term(.call(Self.member("member_3", place), [key, value, collection]), location(from: mark))
    }
}

extension Term {
    /// Operands of `value in collection` or `key, value in collection`.
    var membership: (key: Term?, value: Term, collection: Term)? {
        guard case .call(let target, let operands) = kind, case .reference(let head, let path) = target.kind,
            case .variable("internal") = head.kind, path.count == 1, case .scalar(.string(let name)) = path[0].kind
        else { return nil }
        switch (name.string, operands.count) {
        case ("member_2", 2): return (nil, operands[0], operands[1])
        case ("member_3", 3): return (operands[0], operands[1], operands[2])
        default: return nil
        }
    }
}
