extension Machine {
    /// Steps that build values, loop or nest. Nil when the next step follows, else the result of the run.
    @inline(never)
    mutating func uncommonStep(_ block: Block, _ step: Int, _ base: Int) throws(RegoError) -> Bool? {
        switch block.code[step] {
        case .makeArray(let operands, let target):
            try budget.make(operands.count + 1)
            slots[base + target] = .array(load(operands, base))
        case .makeSet(let operands, let target):
            try budget.make(operands.count + 1)
            slots[base + target] = .set(SetValue(load(operands, base)))
        case .makeObject(let keys, let values, let target):
            try budget.make(2 * keys.count + 1)
            let object = try Accumulator.object(load(keys, base), load(values, base), location(block, step))
            slots[base + target] = .object(object)
        case .comprehend(let shape, let inner, let target):
            slots[base + target] = try comprehend(shape, inner, base, location(block, step))
        case .template(let parts, let target):
            slots[base + target] = try template(parts, base, location(block, step))
        case .replaceable(let callee, let arguments, let target):
            guard let value = try replaceable(callee, load(arguments, base), location(block, step)) else {
                return failed(block, step, base)
            }
            slots[base + target] = value
        case .negate(let inner):
            if try succeeds(inner, base) { return failed(block, step, base) }
        case .every(let operand, let key, let value, let inner):
            guard try every(load(operand, base), key, value, inner, base) else { return failed(block, step, base) }
        case .print(let blocks): try print(blocks, base, location(block, step))
        case .emitPair(let key, let value, let once):
            accumulators[accumulators.count - 1].keys.append(load(key, base))
            accumulators[accumulators.count - 1].members.append(load(value, base))
            try budget.make(2)
            return !once
        case .emitPath(let path, let value, let contains, let once):
            try budget.make(path.count + 1)
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
            scope = modified(modifiers, base)
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
            return try scan(load(operand, base), key, value, block, step, base)
        case .walkDocuments(let path, let target):
            let walk = DocumentWalk(path: path, block: block, next: step + 1, base: base, target: target)
            return try self.walk(walk, at: 0, node: path.node, scope.data.member(at: program.nodes[path.node].path))
        case .walk(let operand, let path, let value):
            return try walk(load(operand, base), path, value, block, step, base)
        default: return nil
        }
        return nil
    }

    private mutating func every(
        _ domain: Value, _ key: Int, _ value: Int, _ block: Block, _ base: Int
    ) throws(RegoError) -> Bool {
        switch domain {
        case .array(let members):
            for index in members.indices {
                if key >= 0 { slots[base + key] = .int(index) }
                slots[base + value] = members[index]
                guard try succeeds(block, base) else { return false }
            }
        case .set(let set):
            for member in set.members {
                if key >= 0 { slots[base + key] = member }
                slots[base + value] = member
                guard try succeeds(block, base) else { return false }
            }
        case .object(let object):
            for index in object.keys.indices {
                if key >= 0 { slots[base + key] = object.keys[index] }
                slots[base + value] = object.values[index]
                guard try succeeds(block, base) else { return false }
            }
        default: return false
        }
        return true
    }

    private mutating func scan(
        _ collection: Value, _ key: Int, _ value: Int, _ block: Block, _ step: Int, _ base: Int
    ) throws(RegoError) -> Bool {
        switch collection {
        case .array(let members):
            for index in members.indices {
                slots[base + key] = .int(index)
                slots[base + value] = members[index]
                guard try run(block, from: step + 1, base) else { return false }
            }
            if members.isEmpty { return failed(block, step, base) }
        case .set(let set):
            for member in set.members {
                slots[base + key] = member
                slots[base + value] = member
                guard try run(block, from: step + 1, base) else { return false }
            }
            if set.count == 0 { return failed(block, step, base) }
        case .object(let object):
            for index in object.keys.indices {
                slots[base + key] = object.keys[index]
                slots[base + value] = object.values[index]
                guard try run(block, from: step + 1, base) else { return false }
            }
            if object.count == 0 { return failed(block, step, base) }
        default: return failed(block, step, base)
        }
        return true
    }

    private mutating func walk(
        _ root: Value, _ path: Int, _ value: Int, _ block: Block, _ step: Int, _ base: Int
    ) throws(RegoError) -> Bool {
        var open: [(path: [Value], value: Value)] = [([], root)]
        while let (keys, current) = open.popLast() {
            try budget.make(keys.count + 1)
            slots[base + path] = .array(keys)
            slots[base + value] = current
            guard try run(block, from: step + 1, base) else { return false }
            for member in Walker.members(of: current).reversed() { open.append((keys + [member.key], member.value)) }
        }
        return true
    }
}
