extension Machine {
    /// Where the step that is being run was written.
    @inline(never)
    func location(_ block: Block, _ step: Int) -> Location? {
        guard step < block.origins.count else { return nil }
        let origin = Int(block.origins[step])
        return block.expressions.indices.contains(origin) ? block.expressions[origin] : nil
    }

    /// A step failed: this run of the body is over, others may follow.
    @inline(__always)
    mutating func failed(_ block: Block, _ step: Int, _ base: Int) -> Bool {
        if trace != nil { noteFailure(block, step, base) }
        return true
    }

    mutating func steps(_ block: Block, from start: Int, _ base: Int) throws(RegoError) -> Bool {
        var step = start
        while step < block.code.count {
            switch block.code[step] {
            case .fail: return failed(block, step, base)
            case .input(let path, let target):
                guard let value = scope.input?.member(at: path) else { return failed(block, step, base) }
                slots[base + target] = value
            case .base(let path, let target):
                guard let value = scope.data.member(at: path) else { return failed(block, step, base) }
                slots[base + target] = value
            case .rule(let group, let target):
                guard let value = try document(ofGroup: group) else { return failed(block, step, base) }
                slots[base + target] = value
            case .document(let node, let target):
                guard let value = try document(ofNode: node) else { return failed(block, step, base) }
                slots[base + target] = value
            case .path(let operand, let path, let target):
                guard let value = load(operand, base).member(at: path) else { return failed(block, step, base) }
                slots[base + target] = value
            case .dot(let operand, let key, let target):
                guard let value = load(operand, base).member(load(key, base)) else { return failed(block, step, base) }
                slots[base + target] = value
            case .move(let operand, let target): slots[base + target] = load(operand, base)
            case .same(let left, let right):
                guard Value.order(load(left, base), load(right, base)) == 0 else { return failed(block, step, base) }
            case .holds(let operand):
                guard load(operand, base).holds else { return failed(block, step, base) }
            case .compare(let comparison, let left, let right):
                guard comparison.holds(load(left, base), load(right, base)) else { return failed(block, step, base) }
            case .compareInto(let comparison, let left, let right, let target):
                slots[base + target] = .bool(comparison.holds(load(left, base), load(right, base)))
            case .member(let value, let collection):
                guard contains(load(collection, base), load(value, base)) else { return failed(block, step, base) }
            case .isArray(let operand, let count):
                guard case .array(let members) = load(operand, base), members.count == count else {
                    return failed(block, step, base)
                }
            case .isObject(let operand, let count):
                guard case .object(let object) = load(operand, base), object.count == count else {
                    return failed(block, step, base)
                }
            case .element(let operand, let index, let target):
                guard case .array(let members) = load(operand, base), index < members.count else {
                    return failed(block, step, base)
                }
                slots[base + target] = members[index]
            case .function(let group, let arguments, let target):
                guard let value = try call(group, load(arguments, base)) else { return failed(block, step, base) }
                slots[base + target] = value
            case .builtin(let number, let arguments, let target):
                guard let value = try builtin(number, load(arguments, base), location(block, step)) else {
                    return failed(block, step, base)
                }
                slots[base + target] = value
            case .arithmetic(let operation, let left, let right, let number, let target):
                guard let value = try compute(operation, left, right, number, base, block, step) else {
                    return failed(block, step, base)
                }
                slots[base + target] = value
            case .emitValue(let operand): return try emit(value: load(operand, base), isConstant: operand < 0)
            case .emitMember(let operand, let once):
                accumulators[accumulators.count - 1].members.append(load(operand, base))
                try budget.make(1)
                return !once
            case .succeed: return false
            default:
                // Steps that build values or loop are apart, to keep this frame small.
                guard let further = try uncommonStep(block, step, base) else { break }
                return further
            }
            step += 1
        }
        return true
    }

    private func contains(_ collection: Value, _ value: Value) -> Bool {
        switch collection {
        case .array(let members): members.contains { Value.order($0, value) == 0 }
        case .set(let set): set.contains(value)
        case .object(let object): object.values.contains { Value.order($0, value) == 0 }
        default: false
        }
    }

    /// Takes a value of a rule or function; whether more are of interest.
    private mutating func emit(value: Value, isConstant: Bool) throws(RegoError) -> Bool {
        let last = accumulators.count - 1
        if let known = accumulators[last].value {
            guard known == value else {
                throw Accumulator.valuesConflict(accumulators[last].isFunction, accumulators[last].location)
            }
        } else {
            accumulators[last].value = value
        }
        return !isConstant
    }

    private mutating func compute(
        _ operation: Arithmetic, _ left: Int, _ right: Int, _ number: Int, _ base: Int, _ block: Block, _ step: Int
    ) throws(RegoError) -> Value? {
        let (first, second) = (load(left, base), load(right, base))
        if case .number(let one) = first, case .number(let other) = second {
            switch operation {
            case .plus: return .number(Number.adding(one, other))
            case .minus: return .number(Number.subtracting(one, other))
            case .times: if let product = Number.multiplying(one, other) { return .number(product) }
            }
        }
        return try builtin(number, [first, second], location(block, step))
    }
}
