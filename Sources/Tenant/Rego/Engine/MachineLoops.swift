extension Machine {
    /// Steps that build values, loop or nest. Nil when the next step follows, else the result of the run.
    @inline(never)
    mutating func uncommonStep(_ block: Block, _ step: Int, _ base: Int) throws(RegoError) -> Bool? {
        switch block.code[step] {
        case .document(let node, let target):
            guard let (value, height) = try document(ofNode: node) else { return failed(block, step, base) }
            set(target, base, value, height)
        case .arithmetic(let operation, let left, let right, let number, let target):
            guard try arithmeticStep(operation, left, right, number, into: target, block, step, base) else {
                return failed(block, step, base)
            }
        case .makeArray(let operands, let target):
            try budget.make(operands.count + 1)
            let value = Value.array(load(operands, base))
            set(target, base, value, try checked(value, height(operands, base) + 1))
        case .makeSet(let operands, let target):
            try budget.make(operands.count + 1)
            let value = Value.set(SetValue(load(operands, base)))
            set(target, base, value, try checked(value, height(operands, base) + 1))
        case .makeObject(let keys, let values, let target):
            try budget.make(2 * keys.count + 1)
            let object = Accumulator.literal(load(keys, base), load(values, base))
            let highest = max(height(keys, base), height(values, base))
            set(target, base, .object(object), try checked(.object(object), highest + 1))
        case .comprehend(let shape, let inner, let target):
            let (value, height) = try comprehend(shape, inner, base, location(block, step))
            set(target, base, value, height)
        case .template(let parts, let target):
            set(target, base, try template(parts, base, location(block, step)), 0)
        case .replaceable(let callee, let arguments, let target):
            let highest = height(arguments, base)
            guard let (value, height) = try replaceable(callee, load(arguments, base), highest, location(block, step))
            else { return failed(block, step, base) }
            set(target, base, value, height)
        case .negate(let inner):
            if try succeeds(inner, base) { return failed(block, step, base) }
        case .every(let operand, let key, let value, let inner):
            guard try every(load(operand, base), height(operand, base), key, value, inner, base) else {
                return failed(block, step, base)
            }
        case .print(let blocks): try print(blocks, base, location(block, step))
        case .emitPair(let key, let value, let once):
            emitted(key, base)
            emitted(value, base)
            accumulators[accumulators.count - 1].keys.append(load(key, base))
            accumulators[accumulators.count - 1].members.append(load(value, base))
            try budget.make(2)
            return !once
        case .emitPath(let path, let value, let contains, let once):
            try budget.make(path.count + 1)
            for key in path { emitted(key, base) }
            emitted(value, base)
            let last = accumulators.count - 1
            let tree = accumulators[last].tree ?? PathTree()
            accumulators[last].tree = tree
            try tree.put(load(path, base)[...], load(value, base), contains: contains, accumulators[last].location)
            return !once
        case .emitRow(let operands):
            try budget.make(operands.count + 1)
            accumulators[accumulators.count - 1].rows.append(load(operands, base))
            return true
        case .enter(let modifiers):
            let outer = scope
            scope = try modified(modifiers, base)
            let result = try run(block, from: step + 1, base)
            scope = outer
            return result
        case .leave:
            let inner = scope
            scope = inner.parent ?? inner
            let result = try run(block, from: step + 1, base)
            scope = inner
            return result
        case .scan(let operand, let key, let value):
            return try scan(load(operand, base), height(operand, base), key, value, block, step, base)
        case .walkDocuments(let path, let target):
            let walk = DocumentWalk(path: path, block: block, next: step + 1, base: base, target: target)
            return try self.walk(walk, at: 0, node: path.node, scope.data.member(at: program.nodes[path.node].path))
        case .walk(let operand, let path, let value):
            return try walk(load(operand, base), height(operand, base), path, value, block, step, base)
        default: return nil
        }
        return nil
    }

    private mutating func every(
        _ domain: Value, _ height: Int32, _ key: Int, _ value: Int, _ block: Block, _ base: Int
    ) throws(RegoError) -> Bool {
        switch domain {
        case .array(let members):
            for index in members.indices {
                if key >= 0 { set(key, base, .int(index), 0) }
                set(value, base, members[index], height)
                guard try succeeds(block, base) else { return false }
            }
        case .set(let distinct):
            for member in distinct.members {
                if key >= 0 { set(key, base, member, height) }
                set(value, base, member, height)
                guard try succeeds(block, base) else { return false }
            }
        case .object(let object):
            for index in object.keys.indices {
                if key >= 0 { set(key, base, object.keys[index], height) }
                set(value, base, object.values[index], height)
                guard try succeeds(block, base) else { return false }
            }
        default: return false
        }
        return true
    }

    private mutating func scan(
        _ collection: Value, _ height: Int32, _ key: Int, _ value: Int, _ block: Block, _ step: Int, _ base: Int
    ) throws(RegoError) -> Bool {
        switch collection {
        case .array(let members):
            for index in members.indices {
                set(key, base, .int(index), 0)
                set(value, base, members[index], height)
                guard try run(block, from: step + 1, base) else { return false }
            }
            if members.isEmpty { return failed(block, step, base) }
        case .set(let distinct):
            for member in distinct.members {
                set(key, base, member, height)
                set(value, base, member, height)
                guard try run(block, from: step + 1, base) else { return false }
            }
            if distinct.count == 0 { return failed(block, step, base) }
        case .object(let object):
            for index in object.keys.indices {
                set(key, base, object.keys[index], height)
                set(value, base, object.values[index], height)
                guard try run(block, from: step + 1, base) else { return false }
            }
            if object.count == 0 { return failed(block, step, base) }
        default: return failed(block, step, base)
        }
        return true
    }

    private mutating func walk(
        _ root: Value, _ height: Int32, _ path: Int, _ value: Int, _ block: Block, _ step: Int, _ base: Int
    ) throws(RegoError) -> Bool {
        var open: [(path: [Value], value: Value)] = [([], root)]
        while let (keys, current) = open.popLast() {
            try budget.make(keys.count + 1)
            set(path, base, .array(keys), height + 1)
            set(value, base, current, height)
            guard try run(block, from: step + 1, base) else { return false }
            for member in Walker.members(of: current).reversed() { open.append((keys + [member.key], member.value)) }
        }
        return true
    }
}
