/// A policy after compilation: the program, and what compiling queries against it needs.
final class CompiledPolicy: Sendable {
    let state: CompilerState
    let program: Program
    private let rules: [[ResolvedRule]]
    private let defaults: [ResolvedRule?]
    private let mocked: Set<Callee>
    /// What is known of the rules' types, for queries.
    let types: TypeEnvironment

    init(
        state: CompilerState, rules: [[ResolvedRule]], defaults: [ResolvedRule?], mocked: Set<Callee>,
        types: TypeEnvironment
    ) {
        self.state = state
        self.types = types
        self.rules = rules
        self.defaults = defaults
        self.mocked = mocked
        program = ProgramBuilder.program(state, rules, defaults, mocked: mocked)
    }

    /// The program in which calls of these functions too look for a replacement, and all that do.
    func program(mocking more: Set<Callee>) -> (Program, Set<Callee>) {
        if more.isSubset(of: mocked) { return (program, mocked) }
        let all = mocked.union(more)
        return (ProgramBuilder.program(state, rules, defaults, mocked: all), all)
    }
}

/// Makes a program of rules whose names are resolved and whose bodies are in order.
struct ProgramBuilder {
    private let state: CompilerState
    private let rules: [[ResolvedRule]]
    private let defaults: [ResolvedRule?]
    private let mocked: Set<Callee>

    /// Makes the program; once more when a query replaces functions that no rule does.
    static func program(
        _ state: CompilerState, _ rules: [[ResolvedRule]], _ defaults: [ResolvedRule?], mocked: Set<Callee>
    ) -> Program {
        let builder = ProgramBuilder(state: state, rules: rules, defaults: defaults, mocked: mocked)
        return builder.program()
    }

    private func program() -> Program {
        let pool = ConstantPool()
        let groups = rules.indices.map { group(number: $0, pool) }
        let nodes = state.tree.nodes.enumerated().map { index, node in
            let group = state.groupOfNode[index]
            return DocumentNode(
                path: node.path, children: node.children, keys: node.children.keys.sorted(), group: group,
                isFunction: group.map { state.arity(ofGroup: $0) >= 0 } ?? false)
        }
        return Program(nodes: nodes, groups: groups, builtins: state.builtins, constants: pool.values)
    }

    private func group(number: Int, _ pool: ConstantPool) -> RuleGroup {
        let entries = state.tree.nodes[state.nodeOfGroup[number]].entries
        let arity = state.arity(ofGroup: number)
        let kind: RuleGroup.Kind
        if arity >= 0 {
            kind = .function(arity)
        } else if entries.contains(where: { !$0.tail.isEmpty }) {
            kind = .object
        } else if rules[number].contains(where: \.contains) {
            kind = .set
        } else {
            kind = .complete
        }
        let name = DocumentTree.name(state.path(of: number))
        let constants = rules[number].flatMap { $0.clauses.map(\.value.constant) }
        let isUniform = constants.allSatisfy { $0 != nil && $0 == constants.first }
        let lowered = rules[number].map { lower($0, kind, pool, name) }
        let fallback = defaults[number].map { lower($0, kind, pool, name, isDefault: true) }
        return RuleGroup(
            path: state.path(of: number), kind: kind, rules: lowered, fallback: fallback, isUniform: isUniform,
            isBrief: isBrief(lowered + [fallback].compactMap { $0 }),
            index: RuleIndex(rules[number], equal: state.builtin("equal")),
            location: entries.first?.rule.location ?? Location())
    }

    /// Builtins whose work is small beside that of remembering a call.
    private static let brief: Set<String> = ["startswith", "endswith", "contains", "count", "object.get"]

    private func isBrief(_ rules: [CompiledRule]) -> Bool {
        rules.count <= 4
            && rules.allSatisfy { rule in
                rule.clauses.allSatisfy { $0.block.code.count <= 16 && $0.block.code.allSatisfy(isBrief) }
            }
    }

    private func isBrief(_ instruction: Instruction) -> Bool {
        switch instruction {
        case .fail, .input, .base, .rule, .path, .dot, .move, .same, .holds, .compare, .compareInto, .member, .isArray,
            .isObject, .element, .arithmetic, .emitValue, .succeed:
            true
        case .builtin(let number, _, _): Self.brief.contains(state.builtins[number].name)
        default: false
        }
    }

    private func lower(
        _ rule: ResolvedRule, _ kind: RuleGroup.Kind, _ pool: ConstantPool, _ name: String, isDefault: Bool = false
    ) -> CompiledRule {
        let clauses = rule.clauses.map { clause in
            var lowering = Lowering(state, pool, mocked: mocked, variables: rule.variables.count)
            lowering.bound = Set(0..<rule.arity)
            lowering.lower(clause.body)
            lowering.expressions.append(clause.value.location)
            let value = lowering.emit(clause.value)
            switch kind {
            case .complete, .function: lowering.append(.emitValue(value))
            case .set: lowering.append(.emitMember(value, once: value < 0))
            case .object:
                let path = clause.tail.map { lowering.emit($0) }
                if path.count == 1, !rule.contains {
                    lowering.append(.emitPair(path[0], value, once: path[0] < 0 && value < 0))
                } else {
                    lowering.append(
                        .emitPath(path, value, contains: rule.contains, once: value < 0 && path.allSatisfy { $0 < 0 }))
                }
            }
            let block = Block(
                code: lowering.code, origins: lowering.origins, expressions: lowering.expressions)
            return CompiledClause(
                block: block, frameSize: lowering.frameSize, variables: rule.variables, name: name,
                location: clause.location, isDefault: isDefault)
        }
        return CompiledRule(clauses: clauses, location: rule.location)
    }
}
