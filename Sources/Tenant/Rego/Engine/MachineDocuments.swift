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
            return try self.walk(walk, at: index, in: base, scope.dataHeight)
        }
        if let group = node.group {
            guard !node.isFunction, let (value, height) = try document(ofGroup: group) else { return true }
            return try self.walk(walk, at: index, in: value, height)
        }
        guard index < walk.path.keys.count else {
            guard let (value, height) = try document(ofNode: number) else { return true }
            return try finish(walk, value, height)
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
                set(slot, walk.base, key, scope.dataHeight)
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
        return try self.walk(walk, at: index + 1, in: inner, scope.dataHeight)
    }

    /// The same within a value.
    private mutating func walk(
        _ walk: DocumentWalk, at index: Int, in value: Value, _ height: Int32
    ) throws(RegoError) -> Bool {
        guard index < walk.path.keys.count else { return try finish(walk, value, height) }
        switch walk.path.keys[index] {
        case .ground(let operand):
            guard let inner = value.member(load(operand, walk.base)) else { return true }
            return try self.walk(walk, at: index + 1, in: inner, height)
        case .bind(let slot):
            for member in Walker.members(of: value) {
                try budget.step()
                set(slot, walk.base, member.key, height)
                guard try self.walk(walk, at: index + 1, in: member.value, height) else { return false }
            }
            return true
        }
    }

    private mutating func finish(_ walk: DocumentWalk, _ value: Value, _ height: Int32) throws(RegoError) -> Bool {
        set(walk.target, walk.base, value, height)
        return try run(walk.block, from: walk.next, walk.base)
    }
}
