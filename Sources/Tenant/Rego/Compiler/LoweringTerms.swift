extension Lowering {
    /// Emits what gives a term's value; all its variables are bound, or are bound by references in it.
    mutating func emit(_ term: ResolvedTerm, into target: Int? = nil) -> Int {
        switch term.kind {
        case .constant(let value): return moved(pool.operand(value), target)
        case .variable(let slot): return moved(slot, target)
        case .input:
            let slot = target ?? temporary()
            append(.input([], into: slot))
            return slot
        case .data: return documents([], target)
        case .reference(let head, let keys): return reference(head, keys, target)
        case .array(let members):
            let operands = members.map { emit($0) }
            let slot = target ?? temporary()
            append(.makeArray(operands, into: slot))
            return slot
        case .set(let members):
            let operands = members.map { emit($0) }
            let slot = target ?? temporary()
            append(.makeSet(operands, into: slot))
            return slot
        case .object(let pairs):
            let keys = pairs.map { emit($0.key) }
            let values = pairs.map { emit($0.value) }
            let slot = target ?? temporary()
            // Constant keys are put in order now, so that nothing is sorted when the object is made.
            var order = Array(keys.indices)
            if keys.allSatisfy({ $0 < 0 }) { order.sort { pool.values[~keys[$0]] < pool.values[~keys[$1]] } }
            append(.makeObject(keys: order.map { keys[$0] }, values: order.map { values[$0] }, into: slot))
            return slot
        case .comprehension(let closure):
            let block = closureBlock(closure)
            let slot = target ?? temporary()
            append(.comprehend(closure.shape, block, into: slot))
            return slot
        case .template(let parts):
            let codes: [TemplateCode] = parts.map { part in
                switch part {
                case .text(let text): .text(text)
                case .term(let closure): .term(closureBlock(closure))
                }
            }
            let slot = target ?? temporary()
            append(.template(codes, into: slot))
            return slot
        }
    }

    private mutating func moved(_ operand: Int, _ target: Int?) -> Int {
        guard let target else { return operand }
        append(.move(operand, into: target))
        return target
    }

    mutating func closureBlock(_ closure: ResolvedClosure) -> Block {
        block { inner in
            inner.lower(closure.body)
            inner.expressions.append(closure.value.location)
            let value = inner.emit(closure.value)
            switch closure.shape {
            case .object:
                let key = closure.key.map { inner.emit($0) } ?? value
                inner.append(.emitPair(key, value, once: false))
            case .array, .set: inner.append(.emitMember(value, once: false))
            }
        }
    }

    // MARK: references

    private mutating func reference(_ head: ResolvedTerm, _ keys: [ResolvedTerm], _ target: Int?) -> Int {
        let constants = keys.prefix { $0.constant != nil }.compactMap(\.constant)
        switch head.kind {
        case .input:
            let slot = constants.count == keys.count ? target ?? temporary() : temporary()
            append(.input(constants, into: slot))
            return follow(slot, keys.dropFirst(constants.count), target)
        case .data: return documents(keys, target)
        default: return follow(emit(head), keys[...], target)
        }
    }

    /// Goes down from a value. Free variables in keys loop over the members.
    private mutating func follow(_ start: Int, _ keys: ArraySlice<ResolvedTerm>, _ target: Int?) -> Int {
        var current = start
        var rest = keys
        if keys.isEmpty, let target, target != start {
            append(.move(start, into: target))
            return target
        }
        while let key = rest.first {
            let constants = rest.prefix { $0.constant != nil }.compactMap(\.constant)
            let isLast = constants.isEmpty ? rest.count == 1 : constants.count == rest.count
            let slot = isLast ? target ?? temporary() : temporary()
            if !constants.isEmpty {
                append(.path(current, constants, into: slot))
                rest = rest.dropFirst(constants.count)
            } else if isGround(key) {
                append(.dot(current, emit(key), into: slot))
                rest = rest.dropFirst()
            } else {
                let keySlot = freeVariable(key) ?? temporary()
                append(.scan(current, key: keySlot, value: slot))
                bindKey(key, keySlot)
                rest = rest.dropFirst()
            }
            current = slot
        }
        return current
    }

    private mutating func bindKey(_ key: ResolvedTerm, _ slot: Int) {
        if key.variable == slot { bound.insert(slot) } else { match(key, slot) }
    }

    /// Whether all variables of a term are bound, those that references in it bind included or not needed.
    func isGround(_ term: ResolvedTerm) -> Bool {
        var ground = true
        term.forEachVariable { if !bound.contains($0) { ground = false } }
        return ground
    }

    /// A path below `data`: down the tree of rules as far as the keys are constants, then by what is there.
    private mutating func documents(_ keys: [ResolvedTerm], _ target: Int?) -> Int {
        let tree = shared.tree
        var node = 0
        for (index, key) in keys.enumerated() {
            guard let constant = key.constant else {
                return walkDocuments(node, keys.dropFirst(index), target)
            }
            guard let next = tree.nodes[node].children[constant] else {
                let constants = keys.prefix { $0.constant != nil }.compactMap(\.constant)
                let slot = constants.count == keys.count ? target ?? temporary() : temporary()
                append(.base(constants, into: slot))
                return follow(slot, keys.dropFirst(constants.count), target)
            }
            node = next
            if let group = shared.groupOfNode[node] {
                let slot = index + 1 == keys.count ? target ?? temporary() : temporary()
                append(shared.arity(ofGroup: group) >= 0 ? .fail : .rule(group, into: slot))
                return follow(slot, keys.dropFirst(index + 1), target)
            }
        }
        let slot = target ?? temporary()
        append(.document(node, into: slot))
        return slot
    }

    private mutating func walkDocuments(_ node: Int, _ keys: ArraySlice<ResolvedTerm>, _ target: Int?) -> Int {
        var path: [DocumentPath.Key] = []
        var later: [(ResolvedTerm, Int)] = []
        for key in keys {
            if isGround(key) {
                path.append(.ground(emit(key)))
            } else if let slot = freeVariable(key) {
                path.append(.bind(slot))
                bound.insert(slot)
            } else {
                let slot = temporary()
                path.append(.bind(slot))
                later.append((key, slot))
            }
        }
        let slot = target ?? temporary()
        append(.walkDocuments(DocumentPath(node: node, keys: path), into: slot))
        for (pattern, key) in later { match(pattern, key) }
        return slot
    }

    // MARK: order within one expression

    /// Emits references that bind variables before terms that need these: `[x, data.a[x]]` needs the second first.
    mutating func bindFirst(_ terms: [ResolvedTerm]) {
        var trial = bound
        if terms.allSatisfy({ Self.canEmit($0, &trial) }) { return }
        var progress = true
        while progress {
            progress = false
            for term in terms { if bindReferences(term) { progress = true } }
        }
    }

    /// Emits the references in a term that bind something; whether there were any.
    private mutating func bindReferences(_ term: ResolvedTerm) -> Bool {
        var progress = false
        switch term.kind {
        case .reference(_, let keys):
            for key in keys { if case .variable = key.kind {} else if bindReferences(key) { progress = true } }
            var trial = bound
            if !isGround(term), Self.canEmit(term, &trial) {
                _ = emit(term)
                progress = true
            }
        case .array(let members), .set(let members):
            for member in members { if bindReferences(member) { progress = true } }
        case .object(let pairs):
            for (key, value) in pairs {
                if bindReferences(key) { progress = true }
                if bindReferences(value) { progress = true }
            }
        default: break
        }
        return progress
    }

    /// Whether a term can be emitted as it stands, from left to right; `bound` gains what it binds.
    private static func canEmit(_ term: ResolvedTerm, _ bound: inout Set<Int>) -> Bool {
        switch term.kind {
        case .constant, .input, .data: return true
        case .variable(let slot): return bound.contains(slot)
        case .reference(let head, let keys):
            guard canEmit(head, &bound) else { return false }
            for key in keys { bindPattern(key, &bound) }
            return true
        case .array(let members), .set(let members):
            for member in members where !canEmit(member, &bound) { return false }
            return true
        case .object(let pairs):
            for (key, _) in pairs where !canEmit(key, &bound) { return false }
            for (_, value) in pairs where !canEmit(value, &bound) { return false }
            return true
        case .comprehension, .template:
            var ready = true
            term.forEachVariable { if !bound.contains($0) { ready = false } }
            return ready
        }
    }

    private static func bindPattern(_ pattern: ResolvedTerm, _ bound: inout Set<Int>) {
        pattern.forEachVariable { bound.insert($0) }
    }
}
