/// A query compiled against a policy, to be evaluated many times.
public struct PreparedQuery: Sendable {
    /// One way in which a query holds.
    public struct Row: Sendable {
        /// What a written expression of the query gave.
        public struct Expression: Sendable {
            /// The value.
            public var value: Value
            /// The text as it was written.
            public var text: String
            /// Where it stands.
            public var location: Location
        }

        /// One for each expression of the query, in order.
        public var expressions: [Expression]
        /// The query's variables, by name; wildcards are not among them.
        public var bindings: [(name: String, value: Value)]
    }

    let program: Program
    let query: CompiledQuery
    let sources: [String: String]

    /// Evaluates the query.
    ///
    /// - Parameters:
    ///   - input: The document `input`; nil leaves it undefined.
    ///   - data: The base documents below `data`, an object.
    ///   - limits: What the evaluation may spend.
    ///   - context: Time, randomness, where prints go, and how errors of functions count.
    /// - Returns: One row for each way in which the query holds; none when it is undefined.
    /// - Throws: ``RegoError`` with a code that begins with `eval_`.
    public func evaluate(
        input: Value? = nil, data: Value = .object(ObjectValue([])), limits: Limits = .standard,
        context: EvaluationContext = EvaluationContext()
    ) throws(RegoError) -> [Row] {
        var machine = Machine(program, input: input, data: data, limits: limits, options: context)
        do throws(RegoError) {
            return rows(try machine.evaluate(query))
        } catch {
            throw error.showing(sources)
        }
    }

    /// The value of the first expression of the first row: what a query that is one reference or call asks for.
    ///
    /// - Parameters:
    ///   - input: The document `input`; nil leaves it undefined.
    ///   - data: The base documents below `data`, an object.
    ///   - limits: What the evaluation may spend.
    ///   - context: Time, randomness, where prints go, and how errors of functions count.
    /// - Returns: Nil when the query is undefined.
    /// - Throws: ``RegoError`` with a code that begins with `eval_`.
    public func value(
        input: Value? = nil, data: Value = .object(ObjectValue([])), limits: Limits = .standard,
        context: EvaluationContext = EvaluationContext()
    ) throws(RegoError) -> Value? {
        var machine = Machine(program, input: input, data: data, limits: limits, options: context)
        guard let row = try machine.evaluate(query).first, let column = query.columns.first else { return nil }
        return column.value.map { row[$0] } ?? .bool(true)
    }

    /// Evaluates the query and tells which rule bodies failed, where, and with which values.
    ///
    /// - Parameters:
    ///   - input: The document `input`; nil leaves it undefined.
    ///   - data: The base documents below `data`, an object.
    ///   - limits: What the evaluation may spend.
    ///   - context: Time, randomness, where prints go, and how errors of functions count.
    ///   - secrets: Paths such as `["input", "token"]`: values under them are shown as `<redacted>`.
    ///   - attempts: How many attempts are recorded.
    /// - Throws: ``RegoError`` with a code that begins with `eval_`.
    public func explain(
        input: Value? = nil, data: Value = .object(ObjectValue([])), limits: Limits = .standard,
        context: EvaluationContext = EvaluationContext(), secrets: [[Value]] = [], attempts: Int = 1_000
    ) throws(RegoError) -> Explanation {
        var machine = Machine(program, input: input, data: data, limits: limits, options: context)
        machine.trace = Trace(room: attempts, secrets: Secrets(secrets, input: input, data: data))
        let row = try machine.evaluate(query).first
        guard let trace = machine.trace else { return Explanation(value: nil, attempts: [], isPartial: false) }
        let value = row.flatMap { row in query.columns.first.map { $0.value.map { row[$0] } ?? .bool(true) } }
        return Explanation(
            value: value.map(trace.secrets.text), attempts: trace.finished.map(withText), isPartial: trace.room == 0)
    }

    private func rows(_ rows: [[Value]]) -> [Row] {
        rows.map { row in
            Row(
                expressions: query.columns.map { column in
                    Row.Expression(
                        value: column.value.map { row[$0] } ?? .bool(true), text: column.text,
                        location: column.location)
                },
                bindings: query.bindings.map { (name: $0.name, value: row[$0.value]) })
        }
    }

    private func withText(_ attempt: Attempt) -> Attempt {
        var attempt = attempt
        attempt.failure = attempt.failure.map(withText)
        attempt.attempts = attempt.attempts.map(withText)
        return attempt
    }

    private func withText(_ failure: Attempt.Failure) -> Attempt.Failure {
        var failure = failure
        if let source = sources[failure.location.file] {
            // On one line, whatever its layout.
            let words = CompiledPolicy.text(of: failure.location, in: source).split(whereSeparator: \.isWhitespace)
            failure.expression = words.joined(separator: " ")
        }
        failure.within = failure.within.map(withText)
        return failure
    }
}

extension Machine {
    /// The rows that a query's body gives.
    mutating func evaluate(_ query: CompiledQuery) throws(RegoError) -> [[Value]] {
        accumulators.append(Accumulator(query.clause.location))
        try run(query.clause, .none)
        return accumulators.removeLast().rows
    }
}
