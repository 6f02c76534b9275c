extension Machine {
    // MARK: documents

    /// The value of a rule group in this scope.
    mutating func document(ofGroup number: Int) throws(RegoError) -> (Value, Int32)? {
        switch scope.documents[number] {
        case .value(let value, let height): return (value, height)
        case .undefined: return nil
        case .running:
            let name = DocumentTree.name(program.groups[number].path)
            throw RegoError("eval_internal_error", "\(name) needs itself", program.groups[number].location)
        case .unknown: break
        }
        let group = program.groups[number]
        if !scope.overrides.isEmpty, scope.hides(group.path) {
            return scope.data.member(at: group.path).map { ($0, scope.dataHeight) }
        }
        scope.documents[number] = .running
        try enter(group)
        let result = try evaluate(group)
        depth -= 1
        if let (value, height) = result {
            scope.documents[number] = .value(value, height)
        } else {
            scope.documents[number] = .undefined
        }
        return result
    }

    private mutating func enter(_ group: RuleGroup) throws(RegoError) {
        depth += 1
        if depth > callDepth { throw Budget.exceeded("call depth", callDepth) }
        try budget.step()
    }

    private mutating func evaluate(_ group: RuleGroup) throws(RegoError) -> (Value, Int32)? {
        switch group.kind {
        case .function: return nil
        case .complete: return try complete(group, .none, isFunction: false)
        case .set, .object:
            accumulators.append(Accumulator(group.location))
            if let candidates = candidates(of: group) {
                for index in candidates { _ = try attempt(group.rules[index], .none) }
            } else {
                for rule in group.rules { _ = try attempt(rule, .none) }
            }
            let result = accumulators.removeLast()
            let value: Value
            if case .set = group.kind {
                value = .set(SetValue(result.members))
            } else {
                value = try object(group, result)
            }
            // A path of the head adds at most its own length.
            return (value, try checked(value, result.height + (result.tree == nil ? 1 : 250)))
        }
    }

    private mutating func object(_ group: RuleGroup, _ result: Accumulator) throws(RegoError) -> Value {
        var result = result
        if let fallback = group.fallback {
            accumulators.append(Accumulator(group.location))
            _ = try attempt(fallback, .none)
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
        return index.candidates(scope.input?.member(at: index.path))
    }

    /// The value of a complete rule or of a function for its arguments.
    private mutating func complete(
        _ group: RuleGroup, _ arguments: Arguments, isFunction: Bool
    ) throws(RegoError) -> (Value, Int32)? {
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
        if accumulators.last?.value == nil, let fallback = group.fallback {
            _ = try attempt(fallback, arguments)
        }
        let result = accumulators.removeLast()
        return result.value.map { ($0, result.height) }
    }

    /// Runs a rule's clauses up to the first that gives something; whether one did.
    private mutating func attempt(
        _ rule: CompiledRule, _ arguments: Arguments
    ) throws(RegoError) -> Bool {
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
        accumulators[last].height = max(accumulators[last].height, result.height)
        accumulators[last].members += result.members
        accumulators[last].keys += result.keys
        guard let tree = result.tree else { return }
        if let known = accumulators[last].tree {
            try known.merge(tree, result.location)
        } else {
            accumulators[last].tree = tree
        }
    }

    mutating func run(_ clause: CompiledClause, _ arguments: Arguments) throws(RegoError) {
        let base = try push(frame: clause.frameSize)
        for index in 0..<arguments.count { set(index, base, load(index, arguments.start), arguments.height) }
        if trace != nil { beginAttempt(clause) }
        _ = try run(clause.block, from: 0, base)
        if trace != nil { endAttempt(clause, base) }
        frames.pop(to: base)
    }

    /// Everything below a node of the document tree, joined with base data; rules win.
    mutating func document(ofNode number: Int) throws(RegoError) -> (Value, Int32)? {
        let node = program.nodes[number]
        if let group = node.group { return node.isFunction ? nil : try document(ofGroup: group) }
        let base = scope.data.member(at: node.path)
        if !scope.overrides.isEmpty, scope.hides(node.path) { return base.map { ($0, scope.dataHeight) } }
        var keys: [Value] = []
        var values: [Value] = []
        var highest = scope.dataHeight
        for key in node.keys {
            guard let child = node.children[key], let (value, height) = try document(ofNode: child) else { continue }
            highest = max(highest, height)
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
        let value = Value.object(try Accumulator.object(keys, values, nil))
        return (value, try checked(value, highest + 1))
    }

    // MARK: functions

    /// The result of a function for arguments that the caller has pushed. It is remembered in this scope, unless finding
    /// it again would take longer than to call it again.
    mutating func call(_ number: Int, _ arguments: Arguments) throws(RegoError) -> (Value, Int32)? {
        let group = program.groups[number]
        if group.isBrief, trace == nil {
            try enter(group)
            defer { depth -= 1 }
            return try complete(group, arguments, isFunction: true)
        }
        let values = UnsafeBufferPointer(start: frames.values + arguments.start, count: arguments.count)
        let hash = CallHash.hash(number, values)
        if let known = scope.known(number, values, hash) { return known.value.map { ($0, known.height) } }
        try enter(group)
        let result = try complete(group, arguments, isFunction: true)
        depth -= 1
        let copies = (0..<arguments.count).map { load($0, arguments.start) }
        scope.remember(Call(group: number, arguments: copies, value: result?.0, height: result?.1 ?? 0), hash)
        try budget.make(1)
        return result
    }

    private mutating func call(
        _ number: Int, _ values: [Value], _ height: Int32
    ) throws(RegoError) -> (Value, Int32)? {
        let start = try push(frame: values.count)
        for (index, value) in values.enumerated() { set(index, start, value, height) }
        let result = try call(number, Arguments(start: start, count: values.count, height: height))
        frames.pop(to: start)
        return result
    }

    /// A call whose function may be replaced in this scope. A replacement runs where nothing is replaced.
    mutating func replaceable(
        _ callee: Callee, _ arguments: [Value], _ height: Int32, _ location: Location?
    ) throws(RegoError) -> (Value, Int32)? {
        switch scope.mocks[callee] {
        case .value(let value, let height): return (value, height)
        case .callee(let replacement):
            let outer = scope
            scope = outer.withoutMocks()
            let value = try plain(replacement, arguments, height, location)
            scope = outer
            return value
        case nil: return try plain(callee, arguments, height, location)
        }
    }

    private mutating func plain(
        _ callee: Callee, _ arguments: [Value], _ height: Int32, _ location: Location?
    ) throws(RegoError) -> (Value, Int32)? {
        switch callee {
        case .builtin(let number):
            guard let value = try builtin(number, arguments, location) else { return nil }
            return (value, try self.height(ofResult: value, height))
        case .function(let group): return try call(group, arguments, height)
        }
    }

    /// The result of a builtin that a step calls; where it stands is of interest only when it fails.
    mutating func builtin(
        _ number: Int, _ arguments: [Value], _ block: Block, _ step: Int
    ) throws(RegoError) -> Value? {
        try builtin(number, arguments, location(block, step))
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
