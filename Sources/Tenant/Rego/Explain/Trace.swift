/// Records which bodies were tried and where they failed, while an evaluation runs.
final class Trace {
    /// A body under way.
    struct Open {
        var attempt: Attempt
        let block: Block
        let variables: [VariableInfo]
        /// The furthest step that failed.
        var step = -1
        /// The furthest failure in the last run of each body within this one, such as that of an `every`.
        var within: [ObjectIdentifier: (step: Int, failure: Attempt.Failure)] = [:]
        /// How much the rule had given before.
        let before: Int
    }

    var open: [Open] = []
    var finished: [Attempt] = []
    /// How many attempts may still be recorded.
    var room: Int
    let secrets: Secrets

    init(room: Int, secrets: Secrets) {
        self.room = room
        self.secrets = secrets
    }
}

extension Machine {
    /// How much the innermost body has given.
    private var yield: Int {
        guard let last = accumulators.last else { return 0 }
        return last.members.count + last.rows.count + (last.value == nil ? 0 : 1) + (last.tree?.leaves.count ?? 0)
    }

    mutating func beginAttempt(_ clause: CompiledClause) {
        let attempt = Attempt(rule: clause.name, location: clause.location, isDefault: clause.isDefault)
        trace?.open.append(
            Trace.Open(attempt: attempt, block: clause.block, variables: clause.variables, before: yield))
    }

    mutating func endAttempt(_ clause: CompiledClause, _ base: Int) {
        guard var ended = trace?.open.popLast() else { return }
        ended.attempt.succeeded = yield > ended.before
        if ended.attempt.succeeded { ended.attempt.failure = nil }
        guard let trace, trace.room > 0 else { return }
        trace.room -= 1
        if let last = trace.open.indices.last {
            trace.open[last].attempt.attempts.append(ended.attempt)
        } else {
            trace.finished.append(ended.attempt)
        }
    }

    /// A body within the innermost one is run anew.
    @inline(never)
    mutating func forgetFailure(_ block: Block) {
        guard let trace, let last = trace.open.indices.last else { return }
        trace.open[last].within[ObjectIdentifier(block)] = nil
    }

    /// Keeps the failure that came furthest; of several as far, the first.
    @inline(never)
    mutating func noteFailure(_ block: Block, _ step: Int, _ base: Int) {
        guard let trace, trace.room > 0, let last = trace.open.indices.last else { return }
        let isWhole = trace.open[last].block === block
        let known = isWhole ? trace.open[last].step : trace.open[last].within[ObjectIdentifier(block)]?.step ?? -1
        guard step > known else { return }
        var failure = Attempt.Failure(
            location: location(block, step) ?? trace.open[last].attempt.location,
            reason: reason(block.code[step], base, trace.secrets),
            locals: locals(trace.open[last].variables, base, trace.secrets))
        if case .every(_, _, _, let body) = block.code[step],
            let inner = trace.open[last].within[ObjectIdentifier(body)]
        {
            failure.within = [inner.failure]
        }
        if isWhole {
            trace.open[last].step = step
            trace.open[last].attempt.failure = failure
        } else {
            trace.open[last].within[ObjectIdentifier(block)] = (step, failure)
        }
    }

    /// The named variables that have a value.
    private func locals(
        _ variables: [VariableInfo], _ base: Int, _ secrets: Secrets
    ) -> [(name: String, value: String)] {
        variables.enumerated().compactMap { slot, info in
            if info.isGenerated || info.isWildcard { return nil }
            if case .null = frames.values[base + slot] { return nil }
            return (name: info.name, value: secrets.text(frames.values[base + slot]))
        }
    }

    private func reason(_ step: Instruction, _ base: Int, _ secrets: Secrets) -> String {
        func text(_ operand: Int) -> String { secrets.text(load(operand, base)) }
        switch step {
        case .input(let path, _): return "\(DocumentTree.name(path, root: "input")) is undefined"
        case .base(let path, _): return "\(DocumentTree.name(path)) is undefined"
        case .rule(let group, _): return "\(DocumentTree.name(program.groups[group].path)) is undefined"
        case .function(let group, let arguments, _):
            let words = arguments.map(text).joined(separator: ", ")
            return "\(DocumentTree.name(program.groups[group].path))(\(words)) is undefined"
        case .builtin(let number, let arguments, _):
            return "\(program.builtins[number].name)(\(arguments.map(text).joined(separator: ", "))) is undefined"
        case .same(let left, let right): return "\(text(left)) is not \(text(right))"
        case .compare(let comparison, let left, let right):
            return "\(text(left)) \(comparison.sign) \(text(right)) does not hold"
        case .member(let value, let collection): return "\(text(value)) is not in \(text(collection))"
        case .holds(let operand): return "the value is \(text(operand))"
        case .dot(let operand, let key, _): return "\(text(operand)) has no \(text(key))"
        case .path(let operand, let path, _): return "\(text(operand)) has no \(DocumentTree.name(path, root: ""))"
        case .scan(let operand, _, _): return "nothing in \(text(operand))"
        case .negate: return "what is negated holds"
        case .every: return "a member does not satisfy the body"
        default: return "undefined"
        }
    }
}

extension Comparison {
    /// The operator as it is written.
    var sign: String {
        switch self {
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        }
    }
}
