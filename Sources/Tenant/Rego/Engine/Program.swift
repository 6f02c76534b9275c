/// A compiled policy: immutable, shared by all evaluations.
final class Program: Sendable {
    let nodes: [DocumentNode]
    let groups: [RuleGroup]
    let builtins: [Builtin]
    let constants: [Value]
    /// Regular expressions that evaluations compiled.
    let regexes = RegexStore()

    init(nodes: [DocumentNode], groups: [RuleGroup], builtins: [Builtin], constants: [Value]) {
        self.nodes = nodes
        self.groups = groups
        self.builtins = builtins
        self.constants = constants
    }

    /// The same program with more constants at the end: what a query adds.
    func adding(constants: [Value]) -> Program {
        Program(nodes: nodes, groups: groups, builtins: builtins, constants: constants)
    }
}

/// A node of the tree of virtual documents.
struct DocumentNode: Sendable {
    let path: [Value]
    let children: [Value: Int]
    /// The children's keys in order.
    let keys: [Value]
    let group: Int?
    /// Whether only functions stand at the node: it has no value.
    let isFunction: Bool
}

/// The rules that make one document or function.
final class RuleGroup: Sendable {
    enum Kind: Sendable {
        case complete
        case set
        /// An object whose paths have variables.
        case object
        case function(Int)
    }

    let path: [Value]
    let kind: Kind
    let rules: [CompiledRule]
    let fallback: CompiledRule?
    /// The value when every rule gives the same constant: the first that succeeds decides.
    let isUniform: Bool
    /// Whether to evaluate the rules is little work whatever their arguments: no loops, no calls of other functions.
    let isBrief: Bool
    let index: RuleIndex?
    let location: Location

    init(
        path: [Value], kind: Kind, rules: [CompiledRule], fallback: CompiledRule?, isUniform: Bool, isBrief: Bool,
        index: RuleIndex?, location: Location
    ) {
        self.path = path
        self.kind = kind
        self.rules = rules
        self.fallback = fallback
        self.isUniform = isUniform
        self.isBrief = isBrief
        self.index = index
        self.location = location
    }
}

/// One written rule: its clauses are tried in order until one gives a value.
final class CompiledRule: Sendable {
    let clauses: [CompiledClause]
    let location: Location

    init(clauses: [CompiledClause], location: Location) {
        self.clauses = clauses
        self.location = location
    }
}

/// A rule or one of its `else` branches.
final class CompiledClause: Sendable {
    let block: Block
    let frameSize: Int
    let variables: [VariableInfo]
    /// The document that the rule is of.
    let name: String
    let location: Location
    /// Whether it was written with `default`.
    let isDefault: Bool

    init(
        block: Block, frameSize: Int, variables: [VariableInfo], name: String, location: Location,
        isDefault: Bool = false
    ) {
        self.block = block
        self.frameSize = frameSize
        self.variables = variables
        self.name = name
        self.location = location
        self.isDefault = isDefault
    }
}

/// Which rules of a group can succeed, by the value at one path below `input`.
struct RuleIndex: Sendable {
    let path: [Value]
    /// The rules that demand a value, in order.
    let byValue: [Value: [Int]]
    /// The rules without a condition on the path, in order.
    let others: [Int]

    /// The rules that may succeed for a value at the path, in order.
    func candidates(_ value: Value?) -> [Int] {
        guard let value, let demanding = byValue[value] else { return others }
        if others.isEmpty { return demanding }
        return (demanding + others).sorted()
    }
}
