/// Turns one rule's or query's terms and bodies into resolved ones: names become variables, rules or roots; nested
/// calls become expressions of their own, as OPA's compiler rewrites them, so that safety can order them.
struct Resolver {
    /// How a variable came into a scope.
    enum Occurrence { case seen, assigned, declared, argument }

    /// The names of one body.
    struct Scope {
        var names: [String: Int] = [:]
        var occurrences: [String: Occurrence] = [:]
        /// The statements that declare them.
        var places: [String: Location] = [:]
        /// Names that the body declares anywhere: they are never the names of rules.
        var declares: Set<String> = []
        /// Names that occur in the body itself: without a declaration they are the body's own variables.
        var implicit: Set<String> = []
        /// Variables of enclosing scopes that are used here or further in.
        var captured: Set<Int> = []
    }

    let shared: CompilerState
    let module: ModuleScope
    var variables: [VariableInfo] = []
    var scopes: [Scope] = []
    var errors: [RegoError] = []
    /// How often a declared or assigned variable is used, for the strict checks and for unused declarations.
    var uses: [Int: Int] = [:]
    /// The imports that were used.
    var usedImports: Set<String> = []
    /// Functions and builtins that a `with` replaces: their calls must look for a replacement.
    var mocked: Set<Callee> = []
    /// Queries may assign what they do not use.
    var isQuery = false
    /// The rule's place in the metadata, for `rego.metadata.*`.
    var metadata: RuleMetadata?
    /// The expression that is resolved at the moment.
    var statement: Location?
    /// Nesting, so that a policy cannot exhaust the stack.
    var depth = 0

    init(_ shared: CompilerState, _ module: ModuleScope) {
        self.shared = shared
        self.module = module
    }

    // MARK: variables

    mutating func fresh(_ name: String, generated: Bool = false) -> Int {
        variables.append(VariableInfo(name: name, isGenerated: generated))
        return variables.count - 1
    }

    /// A variable of the compiler's own.
    mutating func generated(_ location: Location) -> ResolvedTerm {
        ResolvedTerm(.variable(fresh("", generated: true)), location)
    }

    mutating func fail(_ code: String, _ message: String, _ location: Location) {
        errors.append(RegoError(code, message, location))
    }

    /// Declares a variable in the innermost scope.
    mutating func declare(_ name: String, _ occurrence: Occurrence, _ location: Location) -> Int {
        if name.hasPrefix("$") { return wildcard(name) }
        let inner = scopes.count - 1
        let verdict: String? =
            switch scopes[inner].occurrences[name] {
            case .seen: "var \(name) referenced above"
            case .assigned: "var \(name) assigned above"
            case .declared: "var \(name) declared above"
            case .argument: "arg \(name) redeclared"
            case nil: nil
            }
        if let verdict { fail("rego_compile_error", verdict, location) }
        if name == "input" || name == "data" {
            let isArgument = occurrence == .argument
            if isArgument || module.isV1 || shared.options.strict {
                let what = isArgument ? "args" : "variables"
                fail("rego_compile_error", "\(what) must not shadow \(name) (use a different variable name)", location)
            }
        }
        let slot = fresh(name)
        scopes[inner].names[name] = slot
        scopes[inner].occurrences[name] = occurrence
        scopes[inner].places[name] = statement ?? location
        return slot
    }

    /// A wildcard: the parser gave it a name that nothing else has.
    private mutating func wildcard(_ name: String) -> Int {
        let slot = fresh("_")
        scopes[scopes.count - 1].names[name] = slot
        return slot
    }

    /// The variable a name stands for here; nil when it is none.
    mutating func lookup(_ name: String) -> Int? {
        for level in scopes.indices.reversed() {
            if let slot = scopes[level].names[name] { return use(slot, from: level) }
        }
        if name.hasPrefix("$") { return wildcard(name) }
        if name == "input" || name == "data" { return nil }
        if !scopes.contains(where: { $0.declares.contains(name) }), module.global(name) != nil { return nil }
        for level in scopes.indices where scopes[level].implicit.contains(name) {
            let slot = fresh(name)
            scopes[level].names[name] = slot
            scopes[level].occurrences[name] = .seen
            return use(slot, from: level)
        }
        let slot = fresh(name)
        let level = scopes.count - 1
        scopes[level].names[name] = slot
        scopes[level].occurrences[name] = .seen
        return use(slot, from: level)
    }

    private mutating func use(_ slot: Int, from level: Int) -> Int {
        uses[slot, default: 0] += 1
        if level + 1 < scopes.count { for inner in (level + 1)..<scopes.count { scopes[inner].captured.insert(slot) } }
        return slot
    }

    // MARK: scopes

    /// A scope for a body with what else stands in it (the head's terms).
    func scope(for body: Body, _ terms: [Term] = []) -> Scope {
        var scope = Scope()
        var names = NameCollector()
        for expression in body { names.collect(expression) }
        for term in terms { names.collect(term) }
        scope.declares = names.declared
        scope.implicit = names.occurring
        return scope
    }

    /// Leaves a scope and reports declared variables that were not used.
    mutating func leave(_ location: Location) -> Scope {
        let scope = scopes.removeLast()
        for (name, occurrence) in scope.occurrences.sorted(by: { $0.key < $1.key }) {
            guard let slot = scope.names[name], uses[slot, default: 0] == 0 else { continue }
            let place = scope.places[name] ?? location
            switch occurrence {
            case .declared: fail("rego_compile_error", "declared var \(name) unused", place)
            case .assigned where shared.options.strict && !isQuery:
                fail("rego_compile_error", "assigned var \(name) unused", place)
            default: break
            }
        }
        return scope
    }

    /// Guards against nesting beyond what the stack bears; false (with an error) when it is too deep.
    mutating func enter(_ location: Location) -> Bool {
        depth += 1
        if depth > CompilerState.nestingLimit {
            if !errors.contains(where: { $0.message == "nesting too deep" }) {
                fail("rego_compile_error", "nesting too deep", location)
            }
            depth -= 1
            return false
        }
        return true
    }
}

/// Names in a body outside closures: those it declares and those that merely occur before being declared.
struct NameCollector {
    var declared: Set<String> = []
    var occurring: Set<String> = []

    mutating func collect(_ expression: Expression) {
        switch expression.kind {
        case .term(let term): collect(term)
        case .unify(let left, let right):
            collect(left)
            collect(right)
        case .assign(let left, let right):
            collect(right)
            declare(left)
        case .declare(let names): declared.formUnion(names)
        case .declareIn(let key, let value, let collection):
            collect(collection)
            if let key { declare(key) }
            declare(value)
        case .every(_, _, let collection, _): collect(collection)
        case .not(let inner): collect(inner)
        }
        for modifier in expression.modifiers { collect(modifier.value) }
    }

    mutating func collect(_ term: Term) {
        switch term.kind {
        case .scalar, .arrayComprehension, .setComprehension, .objectComprehension, .template: break
        case .variable(let name): if !declared.contains(name) { occurring.insert(name) }
        case .reference(let head, let operands):
            collect(head)
            for operand in operands { collect(operand) }
        case .array(let members), .set(let members): for member in members { collect(member) }
        case .object(let pairs):
            for (key, value) in pairs {
                collect(key)
                collect(value)
            }
        case .call(_, let arguments): for argument in arguments { collect(argument) }
        }
    }

    /// The variables of a pattern on the left of `:=` or in `some … in`.
    private mutating func declare(_ pattern: Term) {
        switch pattern.kind {
        case .variable(let name): declared.insert(name)
        case .array(let members): for member in members { declare(member) }
        case .object(let pairs):
            for (key, value) in pairs {
                collect(key)
                declare(value)
            }
        default: collect(pattern)
        }
    }
}
