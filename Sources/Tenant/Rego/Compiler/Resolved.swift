/// The policy after names are resolved and nested calls are taken out: what safety and lowering work on.
///
/// Variables are numbers, unique within one rule; each becomes a slot of the rule's frame.
struct ResolvedTerm: Sendable {
    indirect enum Kind: Sendable {
        case constant(Value)
        case variable(Int)
        case input
        case data
        /// The head is a variable, `input`, `data` or a constant: anything else got a variable of its own.
        case reference(ResolvedTerm, [ResolvedTerm])
        case array([ResolvedTerm])
        case set([ResolvedTerm])
        case object([(key: ResolvedTerm, value: ResolvedTerm)])
        case comprehension(ResolvedClosure)
        case template([ResolvedPart])
    }

    var kind: Kind
    var location: Location

    init(_ kind: Kind, _ location: Location) {
        self.kind = kind
        self.location = location
    }

    /// The constant it is, when it is one.
    var constant: Value? { if case .constant(let value) = kind { value } else { nil } }

    /// The variable it is, when it is one.
    var variable: Int? { if case .variable(let slot) = kind { slot } else { nil } }
}

/// A part of a template string; a term that gives nothing reads `<undefined>`.
enum ResolvedPart: Sendable {
    case text(String)
    case term(ResolvedClosure)
}

/// A body that looks at the variables around it: a comprehension, or a part of a template string.
struct ResolvedClosure: Sendable {
    enum Shape: Sendable { case array, set, object }

    var shape: Shape
    /// The key of an object's pairs.
    var key: ResolvedTerm?
    var value: ResolvedTerm
    var body: [ResolvedExpression]
    /// The variables of enclosing bodies that it uses.
    var captured: Set<Int>
}

/// What a call calls.
enum Callee: Hashable, Sendable {
    /// By the place in the compiler's list of builtins.
    case builtin(Int)
    /// By the number of the rule group.
    case function(Int)
}

/// One expression, free of nested calls.
struct ResolvedExpression: Sendable {
    indirect enum Kind: Sendable {
        case term(ResolvedTerm)
        case unify(ResolvedTerm, ResolvedTerm)
        /// Without an output the result must hold.
        case call(Callee, [ResolvedTerm], output: ResolvedTerm?)
        case every(key: Int?, value: Int, domain: ResolvedTerm, body: [ResolvedExpression], captured: Set<Int>)
        case not([ResolvedExpression])
        case print([ResolvedClosure])
    }

    var kind: Kind
    var modifiers: [ResolvedModifier] = []
    var location: Location
    /// Whether the compiler made it from a part of a written expression.
    var isGenerated = false
}

/// `with target as value`.
struct ResolvedModifier: Sendable {
    enum Target: Hashable, Sendable {
        case input([Value])
        case data([Value])
        case callee(Callee)
    }

    enum Replacement: Sendable {
        case value(ResolvedTerm)
        case callee(Callee)
    }

    var target: Target
    var replacement: Replacement
    var location: Location
}

/// What is known of a variable.
struct VariableInfo: Sendable {
    /// As written, for messages and bindings; `_` for a wildcard.
    var name: String
    /// Whether the compiler made it.
    var isGenerated = false

    var isWildcard: Bool { name == "_" }
}

/// One branch of a rule: the rule itself or an `else`.
struct ResolvedClause: Sendable {
    var body: [ResolvedExpression]
    /// The tail of the head's path below the group, for rules with variables in their path.
    var tail: [ResolvedTerm]
    var value: ResolvedTerm
    var location: Location
}

/// One written rule.
struct ResolvedRule: Sendable {
    var arity: Int
    var clauses: [ResolvedClause]
    /// The leaf is a member of a set.
    var contains: Bool
    var variables: [VariableInfo]
    var location: Location
}

extension ResolvedTerm {
    /// Calls `visit` for each variable that stands in the term, and for those that closures in it capture.
    func forEachVariable(_ visit: (Int) -> Void) {
        switch kind {
        case .constant, .input, .data: break
        case .variable(let slot): visit(slot)
        case .reference(let head, let operands):
            head.forEachVariable(visit)
            for operand in operands { operand.forEachVariable(visit) }
        case .array(let members), .set(let members): for member in members { member.forEachVariable(visit) }
        case .object(let pairs):
            for (key, value) in pairs {
                key.forEachVariable(visit)
                value.forEachVariable(visit)
            }
        case .comprehension(let closure): for slot in closure.captured { visit(slot) }
        case .template(let parts):
            for case .term(let closure) in parts { for slot in closure.captured { visit(slot) } }
        }
    }
}

extension ResolvedExpression {
    /// Calls `visit` for each variable of the expression, outside closures, and those that closures capture.
    func forEachVariable(_ visit: (Int) -> Void) {
        switch kind {
        case .term(let term): term.forEachVariable(visit)
        case .unify(let left, let right):
            left.forEachVariable(visit)
            right.forEachVariable(visit)
        case .call(_, let arguments, let output):
            for argument in arguments { argument.forEachVariable(visit) }
            output?.forEachVariable(visit)
        case .every(_, _, let domain, _, let captured):
            domain.forEachVariable(visit)
            for slot in captured { visit(slot) }
        case .not(let body): for expression in body { expression.forEachVariable(visit) }
        case .print(let closures): for closure in closures { for slot in closure.captured { visit(slot) } }
        }
        for modifier in modifiers {
            if case .value(let term) = modifier.replacement { term.forEachVariable(visit) }
        }
    }
}

extension ResolvedTerm {
    /// Calls `visit` for each part of a template string in the term, outside closures.
    func forEachTemplatePart(_ visit: (ResolvedClosure) -> Void) {
        switch kind {
        case .constant, .variable, .input, .data, .comprehension: break
        case .template(let parts): for case .term(let closure) in parts { visit(closure) }
        case .reference(let head, let operands):
            head.forEachTemplatePart(visit)
            for operand in operands { operand.forEachTemplatePart(visit) }
        case .array(let members), .set(let members): for member in members { member.forEachTemplatePart(visit) }
        case .object(let pairs):
            for (key, value) in pairs {
                key.forEachTemplatePart(visit)
                value.forEachTemplatePart(visit)
            }
        }
    }
}

extension ResolvedExpression {
    /// Calls `visit` for each part of a template string in the expression, outside closures.
    func forEachTemplatePart(_ visit: (ResolvedClosure) -> Void) {
        switch kind {
        case .term(let term): term.forEachTemplatePart(visit)
        case .unify(let left, let right):
            left.forEachTemplatePart(visit)
            right.forEachTemplatePart(visit)
        case .call(_, let arguments, _): for argument in arguments { argument.forEachTemplatePart(visit) }
        case .every(_, _, let domain, _, _): domain.forEachTemplatePart(visit)
        case .not(let body): for expression in body { expression.forEachTemplatePart(visit) }
        case .print: break
        }
    }
}
