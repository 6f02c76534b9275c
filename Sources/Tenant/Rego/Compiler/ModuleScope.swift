/// What a module's names mean outside its rules: imports and the rules of its package.
struct ModuleScope {
    /// Where an import points.
    struct Target {
        /// Whether it is below `input`; otherwise below `data`.
        var isInput: Bool
        var path: [Value]
        var location: Location

        /// The import as it may be written.
        func text(as name: String) -> String {
            var alias = " as \(name)"
            if case .string(let last)? = path.last, last.string == name { alias = "" }
            return "import \(DocumentTree.name(path, root: isInput ? "input" : "data"))\(alias)"
        }
    }

    var package: [Value] = []
    var imports: [String: Target] = [:]
    /// The first names of the package's rules, over all its modules.
    var rules: Set<String> = []
    var isV1 = true

    /// What a name means here, when it is no local variable.
    func global(_ name: String) -> Target? {
        if rules.contains(name) {
            return Target(isInput: false, path: package + [.string(name)], location: Location())
        }
        return imports[name]
    }

    /// The scopes of all modules, by number, and what is wrong with their imports.
    static func all(_ modules: [Module], strict: Bool) -> ([ModuleScope], [RegoError]) {
        var errors: [RegoError] = []
        var rules: [[String]: Set<String>] = [:]
        for module in modules {
            rules[module.package, default: []].formUnion(module.rules.map { DocumentTree.parts(of: $0.path).0 })
        }
        let scopes = modules.map { module in
            var scope = ModuleScope(
                package: module.package.map { .string($0) }, rules: rules[module.package] ?? [], isV1: module.isV1)
            var versions = 0
            for entry in module.imports {
                guard let (name, target) = Self.target(entry) else {
                    versions += DocumentTree.parts(of: entry.path).0 == "rego" ? 1 : 0
                    if versions > 1 {
                        errors.append(
                            RegoError(
                                "rego_compile_error", "import must not shadow import rego.v1", entry.location))
                    }
                    continue
                }
                if let known = scope.imports[name], strict || module.isV1 {
                    errors.append(
                        RegoError(
                            "rego_compile_error",
                            "import must not shadow \(known.text(as: name))",
                            entry.location))
                }
                scope.imports[name] = target
            }
            return scope
        }
        return (scopes, errors)
    }

    /// The name an import gives and what it stands for; nil for `rego.v1` and the keywords of the future.
    private static func target(_ entry: Import) -> (String, Target)? {
        let (head, operands) = DocumentTree.parts(of: entry.path)
        guard head == "data" || head == "input" else { return nil }
        var path: [Value] = []
        for operand in operands {
            guard case .scalar(let key) = operand.kind else { return nil }
            path.append(key)
        }
        var name = entry.alias ?? head
        if entry.alias == nil, case .string(let last)? = path.last { name = last.string }
        if entry.alias == nil, path.isEmpty { return nil }
        return (name, Target(isInput: head == "input", path: path, location: entry.location))
    }
}
