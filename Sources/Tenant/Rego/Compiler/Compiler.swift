/// Compiles modules to a program.
struct Compiler {
    private let modules: [Module]
    private let options: CompileOptions
    private let state: CompilerState
    private let scopes: [ModuleScope]
    private(set) var errors: [RegoError] = []

    init(_ modules: [Module], options: CompileOptions) {
        self.modules = modules
        self.options = options
        let tree = DocumentTree(modules, strict: options.strict)
        state = CompilerState(tree, builtins: Self.builtins(options), options: options)
        let (scopes, problems) = ModuleScope.all(modules, strict: options.strict)
        self.scopes = scopes
        errors = problems + tree.errors
    }

    private static func builtins(_ options: CompileOptions) -> [Builtin] {
        var builtins = Builtin.standard + Builtin.language
        for function in options.functions {
            builtins.removeAll { $0.name == function.name }
            builtins.append(function)
        }
        return builtins
    }

    /// The compiled policy; nil when there are errors.
    mutating func compile() -> CompiledPolicy? {
        var mocked: Set<Callee> = []
        let metadata = metadataIndex()
        var used = [Set<String>](repeating: [], count: modules.count)
        var resolved: [(rules: [ResolvedRule], fallback: ResolvedRule?)] = []
        for node in state.nodeOfGroup {
            var written: [ResolvedRule] = []
            var fallback: ResolvedRule?
            for entry in state.tree.nodes[node].entries {
                var resolver = Resolver(state, scopes[entry.module])
                resolver.metadata = metadata?.metadata(of: entry.rule, in: modules[entry.module], entry.module)
                let rule = resolver.rule(entry)
                errors += resolver.errors
                mocked.formUnion(resolver.mocked)
                used[entry.module].formUnion(resolver.usedImports)
                if entry.rule.isDefault { fallback = rule } else { written.append(rule) }
            }
            resolved.append((written, fallback))
        }
        if options.strict { checkImports(used) }
        guard errors.isEmpty else { return nil }
        let recursion = Recursion(state, resolved.map { $0.rules + ($0.fallback.map { [$0] } ?? []) })
        let locations = state.nodeOfGroup.map { state.tree.nodes[$0].entries.first?.rule.location ?? Location() }
        errors += recursion.errors(locations)
        var rules: [[ResolvedRule]] = []
        var defaults: [ResolvedRule?] = []
        for group in resolved {
            rules.append(group.rules.map { order($0) })
            defaults.append(group.fallback.map { order($0) })
        }
        guard errors.isEmpty else { return nil }
        var types = TypeEnvironment(state)
        if options.looksAtTypes {
            var checker = TypeChecker(types)
            for group in recursion.dependenciesFirst {
                checker.check(group: group, rules[group] + (defaults[group].map { [$0] } ?? []))
            }
            errors += checker.errors
            types = checker.environment
        }
        guard errors.isEmpty else { return nil }
        return CompiledPolicy(state: state, rules: rules, defaults: defaults, mocked: mocked, types: types)
    }

    private mutating func checkImports(_ used: [Set<String>]) {
        for (number, scope) in scopes.enumerated() {
            for (name, target) in scope.imports.sorted(by: { $0.value.location.offset < $1.value.location.offset })
            where !used[number].contains(name) {
                errors.append(RegoError("rego_compile_error", "\(target.text(as: name)) unused", target.location))
            }
        }
    }

    private func metadataIndex() -> MetadataIndex? {
        let asked = ByteSearch("rego.metadata.".utf8)
        guard modules.contains(where: { asked.first(in: Array($0.source.utf8)) != nil }) else { return nil }
        guard let yaml = state.builtins.first(where: { $0.name == "yaml.unmarshal" }) else { return nil }
        return MetadataIndex(modules) { text in
            var context = Builtin.Context(
                now: nil, random: nil, cache: EvaluationCache(), location: nil, charge: { _ in })
            return try? yaml.call([.string(text)], &context)
        }
    }

    // MARK: safety

    private mutating func order(_ rule: ResolvedRule) -> ResolvedRule {
        var rule = rule
        var safety = Safety(rule.variables)
        for index in rule.clauses.indices {
            var safe = Set(0..<rule.arity)
            rule.clauses[index].body = safety.order(rule.clauses[index].body, &safe)
            let clause = rule.clauses[index]
            safety.checkHead(clause.tail + [clause.value], safe, at: clause.location)
        }
        errors += safety.errors
        return rule
    }
}
