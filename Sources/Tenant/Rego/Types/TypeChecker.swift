/// Infers types of rules and refuses calls, equalities and references that no value could satisfy, as OPA does. Where
/// something is not known, nothing is said.
struct TypeChecker {
    var environment: TypeEnvironment
    private(set) var errors: [RegoError] = []
    /// The variables of the rule at hand, for messages.
    var variables: [VariableInfo] = []
    /// In rules `==` is checked as `=` is; in queries it may be false.
    private let isQuery: Bool
    private let equality: Callee?

    init(_ environment: TypeEnvironment, isQuery: Bool = false) {
        self.environment = environment
        self.isQuery = isQuery
        equality = environment.shared.builtin("equal")
    }

    mutating func fail(_ message: String, _ location: Location, details: [String] = []) {
        errors.append(RegoError("rego_type_error", message, location, details: details))
    }

    // MARK: rules

    /// Looks at the rules of one group; those they refer to come before.
    mutating func check(group: Int, _ rules: [ResolvedRule]) {
        var document: TypeEnvironment.Document?
        let before = errors.count
        for rule in rules {
            variables = rule.variables
            for clause in rule.clauses {
                environment.variables = [:]
                environment.comprehensions = [:]
                check(clause.body)
                let made = made(rule, clause)
                document = document.map { Self.merged($0, made) } ?? made
            }
        }
        environment.documents[group] = errors.count > before ? .faulty : document
        environment.variables = [:]
        environment.comprehensions = [:]
    }

    private func made(_ rule: ResolvedRule, _ clause: ResolvedClause) -> TypeEnvironment.Document {
        let value = environment.type(of: clause.value)
        if rule.arity > 0 {
            let arguments = (0..<rule.arity).map { environment.variables[$0] ?? .anything }
            return .function(FunctionType(arguments: arguments, result: value))
        }
        let leaf: StaticType? = rule.contains ? .set(value ?? .anything) : value
        // Of objects that rules make, the keys and values of all of them count.
        return .value(
            clause.tail.reversed().reduce(leaf) { type, key in
                .object([], rest: .init(key: environment.type(of: key) ?? .anything, value: type ?? .anything))
            }?.bounded)
    }

    private static func merged(
        _ left: TypeEnvironment.Document, _ right: TypeEnvironment.Document
    ) -> TypeEnvironment.Document {
        switch (left, right) {
        case (.function(let one), .function(let other)): .function(one.union(other))
        case (.value(let one?), .value(let other?)): .value(merged(one, other))
        case (.value, .value): .value(nil)
        default: .faulty
        }
    }

    private static func merged(_ left: StaticType, _ right: StaticType) -> StaticType {
        switch (left, right) {
        case (.set(let one), .set(let other)): return StaticType.set(StaticType.union(one, other)).bounded
        case (.object(let fixed, let one?), .object(let other, let two?)) where fixed.isEmpty && other.isEmpty:
            let value = one.value.flatMap { first in two.value.map { merged(first, $0) } } ?? .anything
            return StaticType.object([], rest: .init(key: StaticType.union(one.key, two.key), value: value)).bounded
        default: return (StaticType.union(left, right) ?? .anything).bounded
        }
    }

    // MARK: bodies

    /// Looks at a body in its order of evaluation.
    mutating func check(_ body: [ResolvedExpression]) {
        for expression in body { check(expression) }
    }

    private mutating func check(_ expression: ResolvedExpression) {
        for modifier in expression.modifiers { check(modifier) }
        // Documents and functions that are replaced may be of other types than the rules make.
        if expression.modifiers.contains(where: { $0.target.replacesDocuments }) {
            expression.forEachVariable { environment.variables[$0] = environment.variables[$0] ?? .anything }
            return
        }
        for modifier in expression.modifiers {
            if case .value(let term) = modifier.replacement { check(term) }
        }
        switch expression.kind {
        case .term(let term): check(term)
        case .unify(let left, let right): unify(left, right, expression.location)
        case .call(let callee, let arguments, let output):
            if callee == equality, output == nil, arguments.count == 2, !isQuery {
                unify(arguments[0], arguments[1], expression.location)
            } else {
                call(callee, arguments, output, expression.location)
            }
        case .not(let body): check(body)
        // As in OPA, the body of `every` and what is printed are not looked at.
        case .every(_, _, let domain, _, _): check(domain)
        case .print: break
        }
    }

    /// A function can stand for another only when it takes the same arguments.
    private mutating func check(_ modifier: ResolvedModifier) {
        guard case .callee(let target) = modifier.target, case .callee(let other) = modifier.replacement,
            let wanted = environment.function(target), let given = environment.function(other)
        else { return }
        if wanted.arguments.count == given.arguments.count,
            zip(wanted.arguments, given.arguments).allSatisfy({ StaticType.overlap($0, $1) })
        {
            return
        }
        fail(
            "\(environment.shared.name(of: target)): arity mismatch", modifier.location,
            details: [
                "have: \(FunctionType(arguments: given.arguments, result: nil).text(withResult: false))",
                "want: \(wanted.text(withResult: false))",
            ])
    }

    private mutating func unify(_ left: ResolvedTerm, _ right: ResolvedTerm, _ location: Location) {
        let before = errors.count
        check(left)
        check(right)
        guard errors.count == before else { return assume(left, right) }
        let (first, second) = (environment.type(of: left), environment.type(of: right))
        guard !environment.unify(left, right) else { return }
        fail(
            "match error", location,
            details: ["left  : \(StaticType.text(first))", "right : \(StaticType.text(second))"])
        assume(left, right)
    }

    private mutating func call(
        _ callee: Callee, _ arguments: [ResolvedTerm], _ output: ResolvedTerm?, _ location: Location
    ) {
        let before = errors.count
        for argument in arguments { check(argument) }
        if let output { check(output) }
        let terms = arguments + (output.map { [$0] } ?? [])
        guard errors.count == before, let type = environment.function(callee) else { return assume(terms) }
        let wanted = type.arguments + [type.result]
        for (term, type) in zip(terms, wanted) where !environment.unify(term, type) {
            report(callee, terms, location)
            return assume(terms)
        }
    }

    private mutating func report(_ callee: Callee, _ terms: [ResolvedTerm], _ location: Location) {
        guard let type = environment.function(callee) else { return }
        let have = terms.map { StaticType.text(environment.type(of: $0)) }.joined(separator: ", ")
        fail(
            "\(environment.shared.name(of: callee)): invalid argument(s)", location,
            details: ["have: (\(have))", "want: \(type.text(withResult: true))"])
    }

    /// After an error what it was about may be anything.
    private mutating func assume(_ terms: ResolvedTerm...) { assume(terms) }

    private mutating func assume(_ terms: [ResolvedTerm]) {
        for term in terms {
            term.forEachVariable { environment.variables[$0] = environment.variables[$0] ?? .anything }
        }
    }

    // MARK: closures

    /// Looks at a closure's body; what it binds stays within.
    mutating func check(_ closure: ResolvedClosure, at location: Location) {
        let outer = environment.variables
        let before = errors.count
        check(closure.body)
        if errors.count == before {
            let value = environment.type(of: closure.value)
            let type: StaticType =
                switch closure.shape {
                case .array: .array([], rest: value ?? .anything)
                case .set: .set(value ?? .anything)
                case .object:
                    .object(
                        [],
                        rest: .init(
                            key: closure.key.flatMap { environment.type(of: $0) } ?? .anything,
                            value: value ?? .anything))
                }
            environment.comprehensions[location] = type.bounded
        }
        environment.variables = outer
    }
}

extension ResolvedModifier.Target {
    /// Whether rules or functions are replaced, and not the input.
    fileprivate var replacesDocuments: Bool { if case .input = self { false } else { true } }
}
