/// One evaluation of a program.
///
/// `run` goes through a block from a step on; a step with several results runs what follows once for each. It returns
/// false when whoever waits for results needs no more.
struct Machine {
    let program: Program
    let budget: Budget
    let options: EvaluationContext
    let callDepth: Int
    var context: Builtin.Context
    let frames = Frames()
    var scope: Scope
    /// One for each body under way; the last is the innermost.
    var accumulators: [Accumulator] = []
    var depth = 0
    /// The end of the stack that may be used.
    var stackEnd: UInt
    var isDeep = false
    /// Set when attempts are recorded.
    var trace: Trace?

    init(_ program: Program, input: Value?, data: Value, limits: Limits, options: EvaluationContext) {
        self.program = program
        self.options = options
        let budget = Budget(limits, isCancelled: options.isCancelled)
        self.budget = budget
        callDepth = limits.callDepth
        context = Builtin.Context(
            now: options.now, random: options.random, cache: EvaluationCache(shared: program.regexes), location: nil,
            charge: { amount throws(Builtin.Failure) in
                do throws(RegoError) { try budget.work(amount) } catch { throw .fatal(error) }
            })
        scope = Scope(input: input, data: data, groups: program.groups.count)
        accumulators.reserveCapacity(8)
        let position = DeepStack.position()
        stackEnd = position > DeepStack.callerBytes ? position - DeepStack.callerBytes : 0
    }

    // MARK: operands

    @inline(__always)
    func load(_ operand: Int, _ base: Int) -> Value {
        operand >= 0 ? frames.values[base + operand] : program.constants[~operand]
    }

    func load(_ operands: [Int], _ base: Int) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(operands.count)
        for operand in operands { values.append(load(operand, base)) }
        return values
    }

    /// Slots of all frames together.
    private static let mostSlots = 8 << 20

    /// Room for a frame; its place.
    func push(frame size: Int) throws(RegoError) -> Int {
        guard frames.count + size <= Self.mostSlots else {
            throw RegoError("eval_limit_error", "frame limit exceeded")
        }
        if size > 64 { try budget.work(size) }
        return frames.push(size)
    }

    // MARK: stack

    /// Runs a block from a step on, on a deeper stack when this one comes to its end.
    mutating func run(_ block: Block, from start: Int, _ base: Int) throws(RegoError) -> Bool {
        try budget.step()
        if DeepStack.position() > stackEnd { return try steps(block, from: start, base) }
        guard !isDeep else { throw RegoError("eval_limit_error", "stack limit exceeded") }
        let end = stackEnd
        var outcome: Result<Bool, RegoError> = .failure(RegoError("eval_limit_error", "stack limit exceeded"))
        let ran = withUnsafeMutablePointer(to: &self) { machine in
            DeepStack.run {
                let position = DeepStack.position()
                machine.pointee.stackEnd = position - UInt(DeepStack.bytes) + (1 << 20)
                machine.pointee.isDeep = true
                do throws(RegoError) {
                    outcome = .success(try machine.pointee.steps(block, from: start, base))
                } catch {
                    outcome = .failure(error)
                }
            }
        }
        stackEnd = end
        isDeep = false
        guard ran else { throw RegoError("eval_limit_error", "stack limit exceeded") }
        return try outcome.get()
    }

    // MARK: results of blocks

    /// Whether a block has a solution.
    mutating func succeeds(_ block: Block, _ base: Int) throws(RegoError) -> Bool {
        if trace != nil { forgetFailure(block) }
        return try !run(block, from: 0, base)
    }

    /// What the solutions of a comprehension's body make.
    mutating func comprehend(
        _ shape: ResolvedClosure.Shape, _ block: Block, _ base: Int, _ location: Location?
    ) throws(RegoError) -> (value: Value, height: Int32) {
        accumulators.append(Accumulator(location ?? Location()))
        _ = try run(block, from: 0, base)
        let result = accumulators.removeLast()
        try budget.make(result.members.count + 1)
        let value: Value =
            switch shape {
            case .array: .array(result.members)
            case .set: .set(SetValue(result.members))
            case .object: .object(try Accumulator.object(result.keys, result.members, location))
            }
        return (value, try checked(value, result.height + 1))
    }

    mutating func template(
        _ parts: [TemplateCode], _ base: Int, _ location: Location?
    ) throws(RegoError) -> Value {
        var text = ""
        for part in parts {
            switch part {
            case .text(let fixed): text += fixed
            case .term(let block):
                // Equal values are one.
                guard case .set(let values) = try comprehend(.set, block, base, location).value else { continue }
                if values.count > 1 {
                    throw RegoError(
                        "eval_conflict_error", "template-strings must not produce multiple outputs", location)
                }
                guard let value = values.members.first else {
                    text += "<undefined>"
                    continue
                }
                if case .string(let string) = value { text += string.string } else { text += try write(value) }
            }
            try budget.work(text.utf8.count)
        }
        return .string(text)
    }

    /// A value as Rego writes it.
    mutating func write(_ value: Value) throws(RegoError) -> String {
        do throws(Builtin.Failure) { return try value.regoText(context.charge) } catch {
            switch error {
            case .fatal(let error): throw error
            case .builtin(let text), .type(let text): throw RegoError("eval_builtin_error", text)
            }
        }
    }

    mutating func print(_ blocks: [Block], _ base: Int, _ location: Location?) throws(RegoError) {
        guard let sink = options.print else { return }
        var words: [String] = []
        for block in blocks {
            guard case .array(let values) = try comprehend(.array, block, base, location).value else { continue }
            guard let value = values.first else {
                words.append("<undefined>")
                continue
            }
            if case .string(let text) = value { words.append(text.string) } else { words.append(try write(value)) }
        }
        sink(words.joined(separator: " "), location ?? Location())
    }

    // MARK: with

    /// The scope that a `with` makes.
    func modified(_ modifiers: [ModifierCode], _ base: Int) throws(RegoError) -> Scope {
        let inner = Scope(in: scope)
        // A scope of its own remembers every document anew, and what is replaced in is copied around the place.
        try budget.work(64 * (program.groups.count + 1))
        for modifier in modifiers {
            switch (modifier.target, modifier.replacement) {
            case (.input(let path), .value(let operand)):
                try budget.work(64 * (path.isEmpty ? 1 : inner.input?.count ?? 1))
                let whole = (inner.input ?? .object(ObjectValue([]))).putting(load(operand, base), at: path[...])
                let estimate = max(inner.inputHeight, height(operand, base) + Int32(path.count))
                inner.inputHeight = try checked(whole, estimate)
                inner.input = whole
            case (.data(let path), .value(let operand)):
                try budget.work(64 * (path.isEmpty ? 1 : inner.data.count))
                let whole = inner.data.putting(load(operand, base), at: path[...])
                let estimate = max(inner.dataHeight, height(operand, base) + Int32(path.count))
                inner.dataHeight = try checked(whole, estimate)
                inner.data = whole
                inner.overrides.append(path)
            case (.callee(let callee), .value(let operand)):
                inner.mocks[callee] = .value(load(operand, base), height(operand, base))
            case (.callee(let callee), .callee(let replacement)): inner.mocks[callee] = .callee(replacement)
            default: break
            }
        }
        return inner
    }
}

extension Value {
    /// Members of a collection at its top, 1 for what is none.
    fileprivate var count: Int {
        switch self {
        case .array(let members): members.count
        case .object(let object): object.count
        case .set(let set): set.count
        default: 1
        }
    }
}
