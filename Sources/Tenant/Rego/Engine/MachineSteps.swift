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
        while step < block.steps.count {
            switch block.steps[step] {
            case .fail: return failed(block, step, base)
            case .input(let path, let target):
                guard let input = scope.input, let value = block.path(path, { input.member(at: $0) }) else {
                    return failed(block, step, base)
                }
                set(target, base, value, scope.inputHeight)
            case .base(let path, let target):
                let data = scope.data
                guard let value = block.path(path, { data.member(at: $0) }) else { return failed(block, step, base) }
                set(target, base, value, scope.dataHeight)
            case .rule(let group, let target):
                guard let (value, height) = try document(ofGroup: Int(group)) else { return failed(block, step, base) }
                set(target, base, value, height)
            case .path(let operand, let path, let target):
                let whole = load(operand, base)
                guard let value = block.path(path, { whole.member(at: $0) }) else { return failed(block, step, base) }
                set(target, base, value, height(operand, base))
            case .dot(let operand, let key, let target):
                guard let value = load(operand, base).member(load(key, base)) else { return failed(block, step, base) }
                set(target, base, value, max(height(operand, base), height(key, base)))
            case .move(let operand, let target): set(target, base, load(operand, base), height(operand, base))
            case .same(let left, let right):
                guard try order(load(left, base), load(right, base)) == 0 else { return failed(block, step, base) }
            case .holds(let operand):
                guard load(operand, base).holds else { return failed(block, step, base) }
            case .compare(let comparison, let left, let right):
                guard comparison.holds(try order(load(left, base), load(right, base))) else {
                    return failed(block, step, base)
                }
            case .compareInto(let comparison, let left, let right, let target):
                set(target, base, .bool(comparison.holds(try order(load(left, base), load(right, base)))), 0)
            case .member(let value, let collection):
                guard try contains(load(collection, base), load(value, base)) else { return failed(block, step, base) }
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
                set(target, base, members[Int(index)], height(operand, base))
            case .function(let group, let list, let target):
                let arguments = try push(block, list, base)
                let result = try call(Int(group), arguments)
                frames.pop(to: arguments.start)
                guard let (value, height) = result else { return failed(block, step, base) }
                set(target, base, value, height)
            case .builtin(let number, let list, let target):
                guard let value = try builtin(Int(number), load(block, list, base), block, step) else {
                    return failed(block, step, base)
                }
                set(target, base, value, try height(ofResult: value, height(block, list, base)))
            case .emitValue(let operand):
                emitted(Int(operand), base)
                return try emit(value: load(operand, base), isConstant: operand < 0)
            case .emitMember(let operand, let once):
                emitted(Int(operand), base)
                accumulators[accumulators.count - 1].members.append(load(operand, base))
                try budget.make(1)
                return !once
            case .succeed: return false
            case .other:
                // Steps that build values or loop are apart, to keep this frame small.
                guard let further = try uncommonStep(block, step, base) else { break }
                return further
            }
            step += 1
        }
        return true
    }

    @inline(__always)
    private func load(_ operand: Int32, _ base: Int) -> Value { load(Int(operand), base) }

    @inline(__always)
    private func height(_ operand: Int32, _ base: Int) -> Int32 { height(Int(operand), base) }

    @inline(__always)
    private func set(_ slot: Int32, _ base: Int, _ value: consuming Value, _ height: Int32) {
        set(Int(slot), base, value, height)
    }

    private func load(_ block: Block, _ list: Step.List, _ base: Int) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(Int(list.count))
        for index in list.start..<(list.start + list.count) { values.append(load(block.operands[Int(index)], base)) }
        return values
    }

    /// Pushes the arguments of a call.
    private func push(_ block: Block, _ list: Step.List, _ base: Int) throws(RegoError) -> Arguments {
        let start = try push(frame: Int(list.count))
        var highest: Int32 = 0
        for index in 0..<list.count {
            let operand = block.operands[Int(list.start + index)]
            highest = max(highest, height(operand, base))
            set(index, start, load(operand, base), 0)
        }
        return Arguments(start: start, count: Int(list.count), height: highest)
    }

    private func height(_ block: Block, _ list: Step.List, _ base: Int) -> Int32 {
        var result: Int32 = 0
        for index in list.start..<(list.start + list.count) {
            result = max(result, height(block.operands[Int(index)], base))
        }
        return result
    }

    /// The arithmetic of the step: on numbers at once, else by the builtin.
    mutating func arithmeticStep(
        _ operation: Arithmetic, _ left: Int, _ right: Int, _ number: Int, into target: Int, _ block: Block,
        _ step: Int, _ base: Int
    ) throws(RegoError) -> Bool {
        guard let value = try compute(operation, left, right, number, base, block, step) else { return false }
        set(target, base, value, try height(ofResult: value, max(height(left, base), height(right, base))))
        return true
    }

    /// Notes how high what a body gives is.
    @inline(__always)
    mutating func emitted(_ operand: Int, _ base: Int) {
        let last = accumulators.count - 1
        accumulators[last].height = max(accumulators[last].height, height(operand, base))
    }

    private func contains(_ collection: Value, _ value: Value) throws(RegoError) -> Bool {
        switch collection {
        case .array(let members): return try contains(members, value)
        case .set(let set): return set.contains(value)
        case .object(let object): return try contains(object.values, value)
        default: return false
        }
    }

    private func contains(_ members: [Value], _ value: Value) throws(RegoError) -> Bool {
        for member in members { if try order(member, value) == 0 { return true } }
        if members.count > 16 { try budget.work(8 * members.count) }
        return false
    }

    /// The order of two values; that of collections is counted as work.
    @inline(__always)
    func order(_ left: Value, _ right: Value) throws(RegoError) -> Int {
        switch (left, right) {
        case (.array, .array), (.object, .object), (.set, .set): try countedOrder(left, right)
        default: Value.order(left, right)
        }
    }

    @inline(never)
    private func countedOrder(_ left: Value, _ right: Value) throws(RegoError) -> Int {
        func members(_ left: [Value], _ right: [Value]) throws(RegoError) -> Int {
            let isShared = left.withUnsafeBufferPointer { first in
                right.withUnsafeBufferPointer { first.baseAddress == $0.baseAddress && first.count == $0.count }
            }
            if isShared { return 0 }
            for index in 0..<min(left.count, right.count) {
                if index & 7 == 7 { try budget.work(64) }
                let order = try order(left[index], right[index])
                if order != 0 { return order }
            }
            return left.count - right.count
        }
        switch (left, right) {
        case (.array(let one), .array(let other)): return try members(one, other)
        case (.set(let one), .set(let other)): return try members(one.members, other.members)
        case (.object(let one), .object(let other)):
            for index in 0..<min(one.count, other.count) {
                if index & 7 == 7 { try budget.work(64) }
                let keys = try order(one.keys[index], other.keys[index])
                if keys != 0 { return keys }
                let values = try order(one.values[index], other.values[index])
                if values != 0 { return values }
            }
            return one.count - other.count
        default: return Value.order(left, right)
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
