/// Collects the constants of a program.
final class ConstantPool {
    private(set) var values: [Value]
    private var places: [Value: Int] = [:]

    init(_ values: [Value] = []) { self.values = values }

    /// The operand that stands for a constant.
    func operand(_ value: Value) -> Int {
        if let place = places[value], Self.isWrittenAlike(values[place], value) { return ~place }
        values.append(value)
        places[value] = values.count - 1
        return ~(values.count - 1)
    }

    /// Whether equal values have one text: 1 and 1.0 have not.
    private static func isWrittenAlike(_ one: Value, _ other: Value) -> Bool {
        switch one {
        case .null, .bool, .string: true
        default: one.text == other.text
        }
    }
}

/// Makes instructions of ordered bodies. One lowering serves one rule or query: its blocks share a frame.
struct Lowering {
    let shared: CompilerState
    let pool: ConstantPool
    /// Functions whose calls must look for a replacement.
    let mocked: Set<Callee>
    /// Slots of the frame: the variables, then temporaries.
    private(set) var frameSize: Int
    /// The variables that are bound at this point.
    var bound: Set<Int> = []
    var code: [Instruction] = []
    var origins: [Int32] = []
    var expressions: [Location] = []

    init(_ shared: CompilerState, _ pool: ConstantPool, mocked: Set<Callee>, variables: Int) {
        self.mocked = mocked
        self.shared = shared
        self.pool = pool
        frameSize = variables
    }

    mutating func temporary() -> Int {
        frameSize += 1
        return frameSize - 1
    }

    mutating func append(_ instruction: Instruction) {
        code.append(instruction)
        origins.append(Int32(truncatingIfNeeded: expressions.count - 1))
    }

    /// A block of its own within the frame: what it binds is not bound after it.
    mutating func block(_ make: (inout Lowering) -> Void) -> Block {
        var inner = self
        inner.code = []
        inner.origins = []
        inner.expressions = []
        make(&inner)
        frameSize = inner.frameSize
        return Block(code: inner.code, origins: inner.origins, expressions: inner.expressions)
    }

    // MARK: expressions

    mutating func lower(_ body: [ResolvedExpression]) {
        for expression in body { lower(expression) }
    }

    private mutating func lower(_ expression: ResolvedExpression) {
        expressions.append(expression.location)
        guard !expression.modifiers.isEmpty else { return lower(expression.kind) }
        var codes: [ModifierCode] = []
        for modifier in expression.modifiers {
            switch modifier.replacement {
            case .callee(let callee): codes.append(ModifierCode(target: modifier.target, replacement: .callee(callee)))
            case .value(let term):
                codes.append(ModifierCode(target: modifier.target, replacement: .value(emit(term))))
            }
        }
        append(.enter(codes))
        lower(expression.kind)
        append(.leave)
    }

    private mutating func lower(_ kind: ResolvedExpression.Kind) {
        switch kind {
        case .term(let term):
            bindFirst([term])
            let operand = emit(term)
            append(.holds(operand))
        case .unify(let left, let right): unify(left, right)
        case .call(let callee, let arguments, let output): call(callee, arguments, output)
        case .every(let key, let value, let domain, let body, _):
            let operand = emit(domain)
            let block = block { inner in
                if let key { inner.bound.insert(key) }
                inner.bound.insert(value)
                inner.lower(body)
                inner.append(.succeed)
            }
            append(.every(operand, key: key ?? -1, value: value, block))
        case .not(let body):
            append(
                .negate(
                    block { inner in
                        inner.lower(body)
                        inner.append(.succeed)
                    }))
        case .print(let closures): append(.print(closures.map { closureBlock($0) }))
        }
    }

    // MARK: calls

    private mutating func call(_ callee: Callee, _ arguments: [ResolvedTerm], _ output: ResolvedTerm?) {
        bindFirst(arguments)
        let operands = arguments.map { emit($0) }
        if case .builtin(let number) = callee, !mocked.contains(callee),
            inline(shared.builtins[number].name, number, operands, output)
        {
            return
        }
        let target = output.flatMap { freeVariable($0) } ?? temporary()
        if mocked.contains(callee) {
            append(.replaceable(callee, operands, into: target))
        } else {
            switch callee {
            case .builtin(let number): append(.builtin(number, operands, into: target))
            case .function(let group): append(.function(group, operands, into: target))
            }
        }
        finish(target, output)
    }

    /// Gives a call's result to its output, or demands that it holds.
    private mutating func finish(_ target: Int, _ output: ResolvedTerm?) {
        guard let output else { return append(.holds(target)) }
        if output.variable == target { bound.insert(target) } else { match(output, target) }
    }

    /// The variable a term is, when it is one that is not bound yet.
    func freeVariable(_ term: ResolvedTerm) -> Int? {
        term.variable.flatMap { bound.contains($0) ? nil : $0 }
    }

    /// Comparisons and arithmetic without a call; `walk` as a loop.
    private mutating func inline(
        _ name: String, _ number: Int, _ operands: [Int], _ output: ResolvedTerm?
    ) -> Bool {
        if operands.count == 2, let comparison = Comparison(name) {
            guard let output else {
                append(.compare(comparison, operands[0], operands[1]))
                return true
            }
            let target = freeVariable(output) ?? temporary()
            append(.compareInto(comparison, operands[0], operands[1], into: target))
            finish(target, output)
            return true
        }
        if operands.count == 2, let arithmetic = Arithmetic(name), let output {
            let target = freeVariable(output) ?? temporary()
            append(.arithmetic(arithmetic, operands[0], operands[1], builtin: number, into: target))
            finish(target, output)
            return true
        }
        if name == "internal.member_2", operands.count == 2, output == nil {
            append(.member(operands[0], operands[1]))
            return true
        }
        if name == "walk", operands.count == 1 {
            walk(operands[0], output)
            return true
        }
        return false
    }

    private mutating func walk(_ operand: Int, _ output: ResolvedTerm?) {
        guard let output, case .array(let parts) = output.kind, parts.count == 2 else {
            let (path, value) = (temporary(), temporary())
            append(.walk(operand, path: path, value: value))
            let pair = output.flatMap { freeVariable($0) } ?? temporary()
            append(.makeArray([path, value], into: pair))
            return output == nil ? append(.holds(pair)) : finish(pair, output)
        }
        let slots = parts.map { part in freeVariable(part) ?? temporary() }
        let distinct = slots[0] != slots[1]
        let second = distinct ? slots[1] : temporary()
        append(.walk(operand, path: slots[0], value: second))
        finish(slots[0], parts[0])
        finish(second, parts[1])
    }
}
