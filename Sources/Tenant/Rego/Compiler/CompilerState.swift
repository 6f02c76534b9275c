/// What the resolvers of all rules and queries of one policy share.
final class CompilerState: Sendable {
    /// How deep terms and expressions may nest.
    static let nestingLimit = 1_000

    let options: CompileOptions
    let tree: DocumentTree
    let builtins: [Builtin]
    private let builtinNumbers: [String: Int]
    /// The group of each node that has rules.
    let groupOfNode: [Int: Int]
    /// The node of each group.
    let nodeOfGroup: [Int]

    init(_ tree: DocumentTree, builtins: [Builtin], options: CompileOptions) {
        self.tree = tree
        self.options = options
        var numbers: [String: Int] = [:]
        for (number, builtin) in builtins.enumerated() { numbers[builtin.name] = number }
        self.builtins = builtins
        self.builtinNumbers = numbers
        var groups: [Int: Int] = [:]
        var nodes: [Int] = []
        for (index, node) in tree.nodes.enumerated() where !node.entries.isEmpty {
            groups[index] = nodes.count
            nodes.append(index)
        }
        groupOfNode = groups
        nodeOfGroup = nodes
    }

    /// The function defined at a path below `data`.
    func function(_ path: [Value]) -> Callee? {
        guard let node = tree.find(path), let group = groupOfNode[node], arity(ofGroup: group) >= 0 else { return nil }
        return .function(group)
    }

    func builtin(_ name: String) -> Callee? { builtinNumbers[name].map(Callee.builtin) }

    /// Whether a function gives no value: only `print` and its like.
    func isVoid(_ callee: Callee) -> Bool { ["print", "internal.print"].contains(name(of: callee)) }

    /// Whether a call of a built-in function gives any number of values.
    func isRelation(_ callee: Callee) -> Bool {
        if case .builtin = callee { name(of: callee) == "walk" } else { false }
    }

    /// What a function is called: a builtin's name, or a rule's path.
    func name(of callee: Callee) -> String {
        switch callee {
        case .builtin(let number): builtins[number].name
        case .function(let group): DocumentTree.name(path(of: group))
        }
    }

    func arity(of callee: Callee) -> Int {
        switch callee {
        case .builtin(let number): builtins[number].arity
        case .function(let group): arity(ofGroup: group)
        }
    }

    /// How many arguments the rules of a group take; -1 when they are no functions.
    func arity(ofGroup group: Int) -> Int {
        guard let entry = tree.nodes[nodeOfGroup[group]].entries.first else { return -1 }
        if case .function(let arguments, _) = entry.rule.head, !arguments.isEmpty { return arguments.count }
        return -1
    }

    func path(of group: Int) -> [Value] { tree.nodes[nodeOfGroup[group]].path }

    /// Whether a rule stands at a proper prefix of a path.
    func hasRule(above path: [Value]) -> Bool {
        var node = 0
        for key in path.dropLast() {
            guard let next = tree.nodes[node].children[key] else { return false }
            node = next
            if groupOfNode[node] != nil { return true }
        }
        return false
    }

}
