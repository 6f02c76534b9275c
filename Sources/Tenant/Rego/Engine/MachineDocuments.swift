/// A path under way: where its keys are loaded and bound, and what runs with each value at its end.
struct DocumentWalk {
    let path: DocumentPath
    let block: Block
    /// The step after the walk.
    let next: Int
    let base: Int
    let target: Int
}

extension Machine {
    /// Goes down a path with free keys through rules and base data, and runs what follows for each value at its end.
    ///
    /// Only rules that the path can mean are evaluated: a rule may look at its siblings' members without needing
    /// itself.
    mutating func walk(
        _ walk: DocumentWalk, at index: Int, node number: Int, _ base: Value?
    ) throws(RegoError) -> Bool {
        let node = program.nodes[number]
        if !scope.overrides.isEmpty, scope.hides(node.path) {
            guard let base else { return true }
            return try self.walk(walk, at: index, in: base)
        }
        if let group = node.group {
            guard !node.isFunction, let value = try document(ofGroup: group) else { return true }
            return try self.walk(walk, at: index, in: value)
        }
        guard index < walk.path.keys.count else {
            guard let value = try document(ofNode: number) else { return true }
            return try finish(walk, value)
        }
        switch walk.path.keys[index] {
        case .ground(let operand):
            let key = load(operand, walk.base)
            return try descend(walk, at: index, node, key, base?.member(key))
        case .bind(let slot):
            var keys = node.keys
            if case .object(let object)? = base { keys += object.keys.filter { node.children[$0] == nil } }
            for key in keys {
                try budget.step()
                slots[walk.base + slot] = key
                guard try descend(walk, at: index, node, key, base?.member(key)) else { return false }
            }
            return true
        }
    }

    private mutating func descend(
        _ walk: DocumentWalk, at index: Int, _ node: DocumentNode, _ key: Value, _ inner: Value?
    ) throws(RegoError) -> Bool {
        if let child = node.children[key] { return try self.walk(walk, at: index + 1, node: child, inner) }
        guard let inner else { return true }
        return try self.walk(walk, at: index + 1, in: inner)
    }

    /// The same within a value.
    private mutating func walk(_ walk: DocumentWalk, at index: Int, in value: Value) throws(RegoError) -> Bool {
        guard index < walk.path.keys.count else { return try finish(walk, value) }
        switch walk.path.keys[index] {
        case .ground(let operand):
            guard let inner = value.member(load(operand, walk.base)) else { return true }
            return try self.walk(walk, at: index + 1, in: inner)
        case .bind(let slot):
            for member in Walker.members(of: value) {
                try budget.step()
                slots[walk.base + slot] = member.key
                guard try self.walk(walk, at: index + 1, in: member.value) else { return false }
            }
            return true
        }
    }

    private mutating func finish(_ walk: DocumentWalk, _ value: Value) throws(RegoError) -> Bool {
        slots[walk.base + walk.target] = value
        return try run(walk.block, from: walk.next, walk.base)
    }
}
