/// GraphQL documents: read, checked and shown as OPA's builtins show them.
enum GraphQL {
    /// Where a token stands: lines and columns from one, columns in characters.
    struct Position: Hashable {
        var line: Int
        var column: Int
    }

    /// What is wrong with a document, and where.
    struct Problem {
        var message: String
        var position: Position?

        /// As the error of the library OPA uses reads.
        var description: String {
            guard let position else { return "input: \(message)" }
            return "input:\(position.line):\(position.column): \(message)"
        }
    }

    /// Why reading or checking ended.
    enum Failure: Error {
        case problem(Problem)
        case stopped(Builtin.Failure)

        static func problem(_ message: String, _ position: Position?) -> Failure {
            .problem(Problem(message: message, position: position))
        }
    }

    /// Bounds what a document may cost.
    final class Budget {
        /// How deep selections, values and types may be nested in a text.
        static let nesting = 100
        /// How deep they may be nested when fragments stand where they are spread.
        static let expandedNesting = 200

        private let charge: (Int) throws(Builtin.Failure) -> Void

        init(_ charge: @escaping (Int) throws(Builtin.Failure) -> Void) { self.charge = charge }

        /// Counts work.
        func spend(_ amount: Int = 1) throws(Failure) {
            do { try charge(amount) } catch { throw .stopped(error) }
        }

        /// Refuses what is nested too deeply.
        func check(depth: Int, limit: Int = Budget.nesting, at position: Position? = nil) throws(Failure) {
            if depth > limit { throw .problem("Document is nested too deeply", position) }
        }
    }
}
