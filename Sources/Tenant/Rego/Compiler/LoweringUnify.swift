extension Lowering {
    /// `left = right`, taken apart into bindings and comparisons.
    mutating func unify(_ left: ResolvedTerm, _ right: ResolvedTerm) {
        switch (left.kind, right.kind) {
        case (.array(let first), .array(let second)):
            guard first.count == second.count else { return append(.fail) }
            unifyAll(Array(zip(first, second)))
        case (.object(let first), .object(let second))
        where Self.keysAreConstant(first) && Self.keysAreConstant(second):
            unifyObjects(first, second)
        default:
            if let slot = freeVariable(left), !occurs(slot, in: right) {
                bindFirst([right])
                if bound.contains(slot) { return compare(left, right) }
                _ = emit(right, into: slot)
                bound.insert(slot)
            } else if let slot = freeVariable(right), !occurs(slot, in: left) {
                bindFirst([left])
                if bound.contains(slot) { return compare(left, right) }
                _ = emit(left, into: slot)
                bound.insert(slot)
            } else if isPattern(left) {
                bindFirst([right])
                match(left, emit(right))
            } else if isPattern(right) {
                bindFirst([left])
                match(right, emit(left))
            } else {
                compare(left, right)
            }
        }
    }

    private mutating func compare(_ left: ResolvedTerm, _ right: ResolvedTerm) {
        bindFirst([left, right])
        let first = emit(left)
        append(.same(first, emit(right)))
    }

    private func occurs(_ slot: Int, in term: ResolvedTerm) -> Bool {
        var found = false
        term.forEachVariable { if $0 == slot { found = true } }
        // A reference may bind the variable itself (`x = data.a[x]`): then it goes first and the rest is compared.
        if found, case .reference = term.kind { return false }
        return found
    }

    /// An array or object with free variables in it.
    private func isPattern(_ term: ResolvedTerm) -> Bool {
        switch term.kind {
        case .array, .object: !isGround(term)
        default: false
        }
    }

    private static func keysAreConstant(_ pairs: [(key: ResolvedTerm, value: ResolvedTerm)]) -> Bool {
        pairs.allSatisfy { $0.key.constant != nil }
    }

    private mutating func unifyObjects(
        _ first: [(key: ResolvedTerm, value: ResolvedTerm)], _ second: [(key: ResolvedTerm, value: ResolvedTerm)]
    ) {
        var pairs: [(ResolvedTerm, ResolvedTerm)] = []
        for pair in first {
            guard let other = second.first(where: { $0.key.constant == pair.key.constant }) else {
                return append(.fail)
            }
            pairs.append((pair.value, other.value))
        }
        for pair in second where !first.contains(where: { $0.key.constant == pair.key.constant }) {
            return append(.fail)
        }
        unifyAll(pairs)
    }

    /// Unifies pairs in an order in which one side of each is ready.
    private mutating func unifyAll(_ pairs: [(ResolvedTerm, ResolvedTerm)]) {
        var open = pairs
        while !open.isEmpty {
            let ready = open.firstIndex { canUnify($0.0, $0.1) } ?? 0
            let (left, right) = open.remove(at: ready)
            unify(left, right)
        }
    }

    private func canUnify(_ left: ResolvedTerm, _ right: ResolvedTerm) -> Bool {
        if isGround(left) || isGround(right) { return true }
        switch (left.kind, right.kind) {
        case (.array(let first), .array(let second)):
            return first.count != second.count || zip(first, second).allSatisfy { canUnify($0, $1) }
        case (.reference(let head, _), _): return isGround(head)
        case (_, .reference(let head, _)): return isGround(head)
        default: return false
        }
    }

    /// Matches a pattern with a value that is there.
    mutating func match(_ pattern: ResolvedTerm, _ operand: Int) {
        switch pattern.kind {
        case .variable(let slot) where !bound.contains(slot):
            append(.move(operand, into: slot))
            bound.insert(slot)
        case .array(let members) where !isGround(pattern):
            append(.isArray(operand, count: members.count))
            // Plain variables first: other members may need them.
            let plain = members.indices.filter { freeVariable(members[$0]) != nil }
            let rest = members.indices.filter { freeVariable(members[$0]) == nil }
            for index in plain + rest { matchMember(members[index]) { .element(operand, index, into: $0) } }
        case .object(let pairs) where !isGround(pattern):
            append(.isObject(operand, count: pairs.count))
            let plain = pairs.indices.filter { freeVariable(pairs[$0].value) != nil }
            let rest = pairs.indices.filter { freeVariable(pairs[$0].value) == nil }
            for index in plain + rest {
                bindFirst([pairs[index].key])
                let key = emit(pairs[index].key)
                matchMember(pairs[index].value) { .dot(operand, key, into: $0) }
            }
        default:
            bindFirst([pattern])
            append(.same(emit(pattern), operand))
        }
    }

    private mutating func matchMember(_ member: ResolvedTerm, _ take: (Int) -> Instruction) {
        if let slot = freeVariable(member) {
            append(take(slot))
            bound.insert(slot)
        } else {
            let slot = temporary()
            append(take(slot))
            match(member, slot)
        }
    }
}
