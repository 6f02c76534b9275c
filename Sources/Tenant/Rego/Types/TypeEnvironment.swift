/// What the type checker knows while it looks at one rule: the types of the rules before it and of the variables so far.
struct TypeEnvironment {
    /// What a group of rules makes.
    enum Document {
        case value(StaticType?)
        case function(FunctionType)
        /// Its rules are at fault already: nothing more is to be said.
        case faulty
    }

    let shared: CompilerState
    /// By the number of the group.
    var documents: [Int: Document] = [:]
    /// By slot.
    var variables: [Int: StaticType] = [:]
    /// The types of the rule's comprehensions that were looked at, by their places.
    var comprehensions: [Location: StaticType] = [:]

    init(_ shared: CompilerState) { self.shared = shared }

    /// The declared or inferred type of what is called; nil when nothing is known of it.
    func function(_ callee: Callee) -> FunctionType? {
        switch callee {
        case .builtin(let number):
            let builtin = shared.builtins[number]
            guard let type = Declarations.all[builtin.name], type.arguments.count == builtin.arity else { return nil }
            return type
        case .function(let group):
            if case .function(let type)? = documents[group] { return type }
            return nil
        }
    }

    /// The type of a term; nil when it is not known.
    func type(of term: ResolvedTerm) -> StaticType? {
        switch term.kind {
        case .constant(let value): return .of(value)
        case .variable(let slot): return variables[slot]
        case .input, .data: return .anything
        case .template: return .string
        case .array(let members):
            return StaticType.array(members.map { type(of: $0) }, rest: members.isEmpty ? .anything : nil).bounded
        case .set(let members):
            return StaticType.set(members.reduce(nil) { StaticType.union($0, type(of: $1)) } ?? .anything).bounded
        case .object(let pairs): return object(pairs)
        case .reference(let head, let keys): return reference(head, keys)
        case .comprehension: return comprehensions[term.location] ?? .anything
        }
    }

    private func object(_ pairs: [(key: ResolvedTerm, value: ResolvedTerm)]) -> StaticType {
        var members: [(key: Value, value: StaticType?)] = []
        var rest: StaticType.Pair?
        for (key, value) in pairs {
            if let constant = key.constant {
                members.removeAll { Value.order($0.key, constant) == 0 }
                members.append((key: constant, value: type(of: value)))
            } else {
                let (keyType, valueType) = (type(of: key), type(of: value))
                guard let known = rest else {
                    rest = StaticType.Pair(key: keyType, value: valueType)
                    continue
                }
                // What is not known of one of several may be anything.
                rest = StaticType.Pair(
                    key: keyType == nil ? .anything : StaticType.union(known.key, keyType),
                    value: valueType == nil ? .anything : StaticType.union(known.value, valueType))
            }
        }
        members.sort { $0.key < $1.key }
        if members.isEmpty, rest == nil { return .anyObject }
        return StaticType.object(members, rest: rest).bounded
    }

    private func reference(_ head: ResolvedTerm, _ keys: [ResolvedTerm]) -> StaticType? {
        guard let (subject, rest) = subject(head, keys) else { return .anything }
        var type: StaticType? = subject
        for key in rest {
            guard let known = type else { return nil }
            if let constant = key.constant, constant.isScalar {
                type = known.part(at: constant).type
            } else {
                type = known.values
            }
        }
        return type
    }

    /// The type that a reference begins with and the operands that are left; nil when that may be anything.
    func subject(_ head: ResolvedTerm, _ keys: [ResolvedTerm]) -> (StaticType, ArraySlice<ResolvedTerm>)? {
        switch head.kind {
        case .variable(let slot): return variables[slot].map { ($0, keys[...]) }
        case .constant(let value) where !value.isScalar: return (.of(value), keys[...])
        case .data:
            guard let (group, used) = group(keys), case .value(let type?)? = documents[group] else { return nil }
            return (type, keys[used...])
        default: return nil
        }
    }

    /// The group of rules at the beginning of a path below `data`, and how many of the operands lead there.
    func group(_ keys: [ResolvedTerm]) -> (group: Int, used: Int)? {
        var node = 0
        for (place, key) in keys.enumerated() {
            guard let constant = key.constant, let next = shared.tree.nodes[node].children[constant] else { return nil }
            node = next
            if let group = shared.groupOfNode[node] { return (group, place + 1) }
        }
        return nil
    }
}

extension Value {
    /// Whether it is no collection.
    var isScalar: Bool {
        switch self {
        case .null, .bool, .number, .string: true
        case .array, .object, .set: false
        }
    }
}
