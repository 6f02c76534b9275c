extension Machine {
    // MARK: documents

    /// The value of a rule group in this scope.
    mutating func document(ofGroup number: Int) throws(RegoError) -> Value? {
        switch scope.documents[number] {
        case .value(let value): return value
        case .undefined: return nil
        case .running:
            let name = DocumentTree.name(program.groups[number].path)
            throw RegoError("eval_internal_error", "\(name) needs itself", program.groups[number].location)
        case .unknown: break
        }
        let group = program.groups[number]
        if !scope.overrides.isEmpty, scope.hides(group.path) { return scope.data.member(at: group.path) }
        scope.documents[number] = .running
        try enter(group)
        let value = try evaluate(group)
        depth -= 1
        scope.documents[number] = value.map(Scope.Memo.value) ?? .undefined
        return value
    }

    private mutating func enter(_ group: RuleGroup) throws(RegoError) {
        depth += 1
        if depth > callDepth { throw Budget.exceeded("call depth", callDepth) }
        try budget.step()
    }

    private mutating func evaluate(_ group: RuleGroup) throws(RegoError) -> Value? {
        switch group.kind {
        case .function: return nil
        case .complete: return try complete(group, [], isFunction: false)
        case .set, .object:
            accumulators.append(Accumulator(group.location))
            if let candidates = candidates(of: group) {
                for index in candidates { _ = try attempt(group.rules[index], []) }
            } else {
                for rule in group.rules { _ = try attempt(rule, []) }
            }
            let result = accumulators.removeLast()
            if case .set = group.kind { return .set(SetValue(result.members)) }
            return try object(group, result)
        }
    }

    private mutating func object(_ group: RuleGroup, _ result: Accumulator) throws(RegoError) -> Value {
        var result = result
        if let fallback = group.fallback {
            accumulators.append(Accumulator(group.location))
            _ = try attempt(fallback, [])
            let extra = accumulators.removeLast()
            let known = Set(result.keys)
            for (index, key) in extra.keys.enumerated() where !known.contains(key) {
                result.keys.append(key)
                result.members.append(extra.members[index])
            }
        }
        guard let tree = result.tree else {
            return .object(try Accumulator.object(result.keys, result.members, group.location))
        }
        for (index, key) in result.keys.enumerated() {
            try tree.put([key], result.members[index], contains: false, group.location)
        }
        return tree.value
    }

    /// The rules that the group's index leaves; nil when all must be tried.
    private func candidates(of group: RuleGroup) -> [Int]? {
        guard let index = group.index, trace == nil else { return nil }
        guard let value = scope.input?.member(at: index.path) else { return index.others }
        return index.byValue[value] ?? index.others
    }

    /// The value of a complete rule or of a function for its arguments.
    private mutating func complete(
        _ group: RuleGroup, _ arguments: [Value], isFunction: Bool
    ) throws(RegoError) -> Value? {
        accumulators.append(Accumulator(group.location, isFunction: isFunction))
        if let candidates = candidates(of: group) {
            for index in candidates {
                if try attempt(group.rules[index], arguments), group.isUniform { break }
            }
        } else {
            for rule in group.rules {
                if try attempt(rule, arguments), group.isUniform { break }
            }
        }
        if accumulators.last?.value == nil, let fallback = group.fallback { _ = try attempt(fallback, arguments) }
        return accumulators.removeLast().value
    }

    /// Runs a rule's clauses up to the first that gives something; whether one did.
    private mutating func attempt(_ rule: CompiledRule, _ arguments: [Value]) throws(RegoError) -> Bool {
        if rule.clauses.count == 1 {
            let last = accumulators.count - 1
            let hadValue = accumulators[last].value != nil
            try run(rule.clauses[0], arguments)
            return !hadValue && accumulators[last].value != nil
        }
        for clause in rule.clauses {
            // What other rules gave is set aside, to see whether this clause gives anything.
            let last = accumulators.count - 1
            let before = accumulators[last]
            accumulators[last] = Accumulator(before.location, isFunction: before.isFunction)
            try run(clause, arguments)
            let after = accumulators[last]
            accumulators[last] = before
            if after.value == nil, after.members.isEmpty, after.tree == nil { continue }
            try merge(after, into: last)
            return true
        }
        return false
    }

    private mutating func merge(_ result: Accumulator, into last: Int) throws(RegoError) {
        if let value = result.value {
            if let known = accumulators[last].value, known != value {
                throw Accumulator.valuesConflict(result.isFunction, result.location)
            }
            accumulators[last].value = value
        }
        accumulators[last].members += result.members
        accumulators[last].keys += result.keys
        guard let tree = result.tree else { return }
        if let known = accumulators[last].tree {
            try known.merge(tree, result.location)
        } else {
            accumulators[last].tree = tree
        }
    }

    mutating func run(_ clause: CompiledClause, _ arguments: [Value]) throws(RegoError) {
        let base = push(frame: clause.frameSize)
        for index in arguments.indices { slots[base + index] = arguments[index] }
        if trace != nil { beginAttempt(clause) }
        _ = try run(clause.block, from: 0, base)
        if trace != nil { endAttempt(clause, base) }
        slots.removeLast(clause.frameSize)
    }

    /// Everything below a node of the document tree, joined with base data; rules win.
    mutating func document(ofNode number: Int) throws(RegoError) -> Value? {
        let node = program.nodes[number]
        if let group = node.group { return node.isFunction ? nil : try document(ofGroup: group) }
        let base = scope.data.member(at: node.path)
        if !scope.overrides.isEmpty, scope.hides(node.path) { return base }
        var keys: [Value] = []
        var values: [Value] = []
        for key in node.keys {
            guard let child = node.children[key], let value = try document(ofNode: child) else { continue }
            keys.append(key)
            values.append(value)
        }
        if case .object(let known)? = base {
            for (index, key) in known.keys.enumerated() where node.children[key] == nil {
                keys.append(key)
                values.append(known.values[index])
            }
        }
        try budget.make(keys.count + 1)
        return .object(try Accumulator.object(keys, values, nil))
    }

    // MARK: functions

    /// The result of a function for its arguments, remembered in this scope.
    mutating func call(_ number: Int, _ arguments: [Value]) throws(RegoError) -> Value? {
        let key = CallKey(group: number, arguments: arguments)
        if let known = scope.calls[key] { return known }
        let group = program.groups[number]
        try enter(group)
        let value = try complete(group, arguments, isFunction: true)
        depth -= 1
        scope.calls[key] = .some(value)
        try budget.make(1)
        return value
    }

    /// A call whose function may be replaced in this scope. A replacement runs where nothing is replaced.
    mutating func replaceable(
        _ callee: Callee, _ arguments: [Value], _ location: Location?
    ) throws(RegoError) -> Value? {
        switch scope.mocks[callee] {
        case .value(let value): return value
        case .callee(let replacement):
            let outer = scope
            scope = outer.withoutMocks()
            let value = try plain(replacement, arguments, location)
            scope = outer
            return value
        case nil: return try plain(callee, arguments, location)
        }
    }

    private mutating func plain(
        _ callee: Callee, _ arguments: [Value], _ location: Location?
    ) throws(RegoError) -> Value? {
        switch callee {
        case .builtin(let number): try builtin(number, arguments, location)
        case .function(let group): try call(group, arguments)
        }
    }

    mutating func builtin(
        _ number: Int, _ arguments: [Value], _ location: Location?
    ) throws(RegoError) -> Value? {
        let builtin = program.builtins[number]
        context.location = location
        do throws(Builtin.Failure) {
            return try builtin.call(arguments, &context)
        } catch {
            switch error {
            case .fatal(let error): throw error
            case .builtin(let text):
                guard options.strictBuiltinErrors else { return nil }
                throw RegoError("eval_builtin_error", "\(builtin.name): \(text)", location)
            case .type(let text):
                guard options.strictBuiltinErrors else { return nil }
                throw RegoError("eval_type_error", "\(builtin.name): \(text)", location)
            }
        }
    }
}

extension PathTree {
    /// Puts all of another tree into this one.
    func merge(_ other: PathTree, _ location: Location) throws(RegoError) {
        for (path, value, contains) in other.leaves { try put(path[...], value, contains: contains, location) }
    }
}
