extension GraphQL {
    /// Reads tokens one ahead; the grammar is in extensions.
    struct Parser {
        private var lexer: Lexer
        private var ahead: Token?
        /// The last token taken.
        private(set) var previous: Token
        /// The comments before the token ahead; nil when there are none.
        private(set) var comments: [String]?
        private var depth = 0
        let budget: Budget

        init(_ text: String, budget: Budget) {
            lexer = Lexer(text)
            previous = Token(kind: .invalid, position: Position(line: 1, column: 1))
            self.budget = budget
        }

        /// The token ahead.
        mutating func peek() throws(Failure) -> Token {
            if let ahead { return ahead }
            var found: [String] = []
            var token = lexer.next()
            while token.kind == .comment {
                found.append(token.value)
                token = lexer.next()
            }
            try budget.spend(1 + found.count)
            if !found.isEmpty { comments = found }
            ahead = token
            return token
        }

        /// Takes the token ahead.
        @discardableResult
        mutating func next() throws(Failure) -> Token {
            let token = try peek()
            ahead = nil
            comments = nil
            previous = token
            if token.kind == .invalid { throw .problem(token.problem, token.position) }
            return token
        }

        /// The place of the token ahead and the comments before it.
        mutating func place() throws(Failure) -> (position: Position, comments: [String]?) {
            let token = try peek()
            return (token.position, comments)
        }

        /// Takes a token that must be of a kind.
        @discardableResult
        mutating func expect(_ kind: Token.Kind) throws(Failure) -> Token {
            let token = try peek()
            guard token.kind == kind else {
                throw .problem("Expected \(kind.rawValue), found \(token.kind.rawValue)", token.position)
            }
            return try next()
        }

        /// Takes a word; gives the comments before it.
        @discardableResult
        mutating func expect(word: String) throws(Failure) -> [String]? {
            let token = try peek()
            guard token.kind == .name, token.value == word else {
                throw .problem("Expected \(GoQuote.quote(word)), found \(token.description)", token.position)
            }
            let comments = comments
            try next()
            return comments
        }

        /// Takes a token if it is of a kind.
        mutating func skip(_ kind: Token.Kind) throws(Failure) -> Bool {
            guard try peek().kind == kind else { return false }
            try next()
            return true
        }

        mutating func name() throws(Failure) -> String { try expect(.name).value }

        func unexpected(_ token: Token) -> Failure { .problem("Unexpected \(token.description)", token.position) }

        /// Things between brackets, at least `minimum`; nothing when the opening one is not there. Gives the comments
        /// before the closing one.
        @discardableResult
        mutating func list(
            _ open: Token.Kind, _ close: Token.Kind, minimum: Int = 1,
            _ member: (inout Parser) throws(Failure) -> Void
        ) throws(Failure) -> [String]? {
            guard try skip(open) else { return nil }
            var count = 0
            while try peek().kind != close {
                count += 1
                try nested(member)
            }
            if count < minimum {
                let token = try peek()
                throw .problem("expected at least one definition, found \(token.kind.rawValue)", token.position)
            }
            let comments = comments
            try next()
            return comments
        }

        /// Goes one level down, if it is not too deep.
        mutating func nested<Result>(
            _ body: (inout Parser) throws(Failure) -> Result
        ) throws(Failure) -> Result {
            depth += 1
            try budget.check(depth: depth, at: previous.position)
            let result = try body(&self)
            depth -= 1
            return result
        }
    }
}

/// The grammar that queries and schemas share.
extension GraphQL.Parser {
    mutating func arguments(isConstant: Bool) throws(GraphQL.Failure) -> [GraphQL.Argument] {
        var arguments: [GraphQL.Argument] = []
        try list(.parenthesisLeft, .parenthesisRight) { (parser: inout Self) throws(GraphQL.Failure) in
            let (position, comments) = try parser.place()
            let name = try parser.name()
            try parser.expect(.colon)
            let argument = GraphQL.Argument(name: name, value: try parser.literal(isConstant: isConstant))
            (argument.position, argument.comments) = (position, comments)
            arguments.append(argument)
        }
        return arguments
    }

    mutating func variable() throws(GraphQL.Failure) -> String {
        try expect(.dollar)
        return try name()
    }

    mutating func literal(isConstant: Bool) throws(GraphQL.Failure) -> GraphQL.Literal {
        let token = try peek()
        let comments = comments
        let kind: GraphQL.Literal.Kind
        switch token.kind {
        case .bracketLeft:
            let literal = GraphQL.Literal(.list, position: token.position, comments: comments)
            try list(.bracketLeft, .bracketRight, minimum: 0) { (parser: inout Self) throws(GraphQL.Failure) in
                literal.children.append(.init(value: try parser.literal(isConstant: isConstant)))
            }
            return literal
        case .braceLeft:
            let literal = GraphQL.Literal(.object, position: token.position, comments: comments)
            try list(.braceLeft, .braceRight, minimum: 0) { (parser: inout Self) throws(GraphQL.Failure) in
                let (position, comments) = try parser.place()
                let name = try parser.name()
                try parser.expect(.colon)
                let value = try parser.literal(isConstant: isConstant)
                literal.children.append(.init(name: name, value: value, position: position, comments: comments))
            }
            return literal
        case .dollar:
            if isConstant { throw unexpected(token) }
            return GraphQL.Literal(.variable, raw: try variable(), position: token.position, comments: comments)
        case .int: kind = .int
        case .float: kind = .float
        case .string: kind = .string
        case .blockString: kind = .block
        case .name:
            switch token.value {
            case "true", "false": kind = .boolean
            case "null": kind = .null
            default: kind = .enumeration
            }
        default: throw unexpected(token)
        }
        try next()
        return GraphQL.Literal(kind, raw: token.value, position: token.position)
    }

    mutating func directives(isConstant: Bool) throws(GraphQL.Failure) -> [GraphQL.Directive] {
        var directives: [GraphQL.Directive] = []
        while try skip(.at) {
            let directive = GraphQL.Directive()
            directive.position = try peek().position
            directive.name = try name()
            directive.arguments = try arguments(isConstant: isConstant)
            directives.append(directive)
        }
        return directives
    }

    mutating func type() throws(GraphQL.Failure) -> GraphQL.TypeReference {
        let type = GraphQL.TypeReference()
        if try skip(.bracketLeft) {
            type.position = try peek().position
            type.element = try nested { (parser: inout Self) throws(GraphQL.Failure) in try parser.type() }
            try expect(.bracketRight)
        } else {
            type.position = try peek().position
            type.name = try name()
        }
        type.isNonNull = try skip(.bang)
        return type
    }
}
