extension Template {
    init(_ text: String) throws(Problem) {
        var parser = Parser(pieces: try Self.pieces(text)[...])
        nodes = try parser.block(depth: 0, isLoop: false).nodes
        if let end = parser.ended { throw Problem("unexpected {{\(end)}}") }
    }

    /// Puts pieces together.
    private struct Parser {
        var pieces: ArraySlice<Piece>
        /// The word that ended the last block: `end` or `else`.
        var ended: String?
        /// The words after an `else`.
        var rest: [Word] = []

        mutating func block(depth: Int, isLoop: Bool) throws(Problem) -> (nodes: [Node], end: String?) {
            guard depth <= Template.nesting else { throw Problem("template is nested too deeply") }
            var nodes: [Node] = []
            ended = nil
            while let piece = pieces.popFirst() {
                switch piece {
                case .text(let text): nodes.append(.text(text))
                case .action(let words):
                    let bare = words.drop { $0 == .space }
                    guard case .name(let name) = bare.first else {
                        nodes.append(.action(try Self.pipeline(words)))
                        continue
                    }
                    let after = Array(bare.dropFirst())
                    switch name {
                    case "end", "else":
                        (ended, rest) = (name, after)
                        return (nodes, name)
                    case "if", "range", "with":
                        nodes.append(try branch(name, after, depth: depth, isLoop: isLoop))
                    case "break", "continue":
                        guard isLoop else { throw Problem("{{\(name)}} outside {{range}}") }
                        nodes.append(.leave(isContinue: name == "continue"))
                    case "define", "template", "block": throw Problem("{{\(name)}} is not supported")
                    default: nodes.append(.action(try Self.pipeline(words)))
                    }
                }
            }
            return (nodes, nil)
        }

        private mutating func branch(
            _ name: String, _ words: [Word], depth: Int, isLoop: Bool
        ) throws(Problem) -> Node {
            guard let kind = Branch(rawValue: name) else { throw Problem("unexpected {{\(name)}}") }
            let pipeline = try Template.Parser.pipeline(words)
            let body = try block(depth: depth + 1, isLoop: isLoop || kind == .range)
            guard let end = body.end else { throw Problem("unexpected EOF") }
            ended = nil
            if end == "end" { return .branch(kind, pipeline, body.nodes, otherwise: []) }
            let next = rest.drop { $0 == .space }
            if case .name(let inner) = next.first, inner == "if" || inner == "with" {
                guard depth <= Template.nesting else { throw Problem("template is nested too deeply") }
                let other = try branch(inner, Array(next.dropFirst()), depth: depth + 1, isLoop: isLoop)
                return .branch(kind, pipeline, body.nodes, otherwise: [other])
            }
            let other = try block(depth: depth + 1, isLoop: isLoop)
            guard other.end == "end" else { throw Problem("expected end; found {{else}}") }
            ended = nil
            return .branch(kind, pipeline, body.nodes, otherwise: other.nodes)
        }

        static func pipeline(_ words: [Word]) throws(Problem) -> Pipeline {
            var reader = PipelineReader(words: words[...])
            let pipeline = try reader.pipeline(depth: 0)
            guard reader.words.isEmpty else { throw Problem("unexpected \")\" in command") }
            return pipeline
        }
    }

    private struct PipelineReader {
        var words: ArraySlice<Word>

        private mutating func skipSpace() { while words.first == .space { words.removeFirst() } }

        mutating func pipeline(depth: Int) throws(Problem) -> Pipeline {
            guard depth <= Template.nesting else { throw Problem("template is nested too deeply") }
            var pipeline = Pipeline()
            try declarations(&pipeline)
            var command: [Operand] = []
            while true {
                skipSpace()
                switch words.first {
                case nil, .symbol(")"):
                    if command.isEmpty { throw Problem("missing value for command") }
                    pipeline.commands.append(command)
                    return pipeline
                case .symbol("|"):
                    if command.isEmpty { throw Problem("missing value for command") }
                    words.removeFirst()
                    pipeline.commands.append(command)
                    command = []
                default: command.append(try operand(depth: depth))
                }
            }
        }

        /// `$x :=`, `$i, $x :=` or `$x =`.
        private mutating func declarations(_ pipeline: inout Pipeline) throws(Problem) {
            let start = words
            var names: [String] = []
            while true {
                skipSpace()
                guard case .variable(let name) = words.first, names.count < 2 else { break }
                words.removeFirst()
                names.append(name)
                skipSpace()
                guard words.first == .symbol(",") else { break }
                words.removeFirst()
            }
            if !names.isEmpty, words.first == .symbol(":=") || words.first == .symbol("=") {
                pipeline.variables = names
                pipeline.isAssignment = words.first == .symbol("=")
                words.removeFirst()
            } else {
                words = start
            }
        }

        private mutating func operand(depth: Int) throws(Problem) -> Operand {
            guard let word = words.popFirst() else { throw Problem("unexpected EOF") }
            var operand: Operand
            switch word {
            case .dot: operand = Operand(base: .dot)
            case .field(let name): operand = Operand(base: .dot, fields: [name])
            case .variable(let name): operand = Operand(base: .variable(name))
            case .string(let text): operand = Operand(base: .constant(.value(.string(text))))
            case .number(let text): operand = Operand(base: .constant(try Self.number(text)))
            case .name("true"): operand = Operand(base: .constant(.value(.bool(true))))
            case .name("false"): operand = Operand(base: .constant(.value(.bool(false))))
            case .name("nil"): operand = Operand(base: .constant(.value(.null)))
            case .name(let name):
                guard TemplateFunction.names.contains(name) else {
                    throw Problem("function \(GoQuote.quote(name)) not defined")
                }
                operand = Operand(base: .function(name))
            case .symbol("("):
                operand = Operand(base: .pipeline(try pipeline(depth: depth + 1)))
                guard words.popFirst() == .symbol(")") else { throw Problem("unclosed left paren") }
            case .symbol(let symbol): throw Problem("unexpected \(GoQuote.quote(symbol)) in operand")
            case .space: throw Problem("unexpected space")
            }
            while case .field(let name) = words.first {
                words.removeFirst()
                operand.fields.append(name)
            }
            return operand
        }

        private static func number(_ text: String) throws(Problem) -> TemplateValue {
            let digits = text.hasPrefix("+") ? String(text.dropFirst()) : text
            if let int = Int(digits) { return .int(int) }
            if digits.hasPrefix("0x"), let int = Int(digits.dropFirst(2), radix: 16) { return .int(int) }
            guard let float = Double(digits), float.isFinite else {
                throw Problem("bad number syntax: \(GoQuote.quote(text))")
            }
            return .float(float)
        }
    }
}
