/// A place in a source: what an error points at.
public struct Location: Hashable, Sendable {
    /// The name of the source, as the caller gave it.
    public var file: String
    /// Line and column, from 1; columns count bytes.
    public var row: Int
    /// From 1, in bytes.
    public var column: Int
    /// Byte offset and length in the source.
    public var offset: Int
    /// Bytes.
    public var length: Int

    /// Creates it from its parts.
    public init(file: String = "", row: Int = 0, column: Int = 0, offset: Int = 0, length: Int = 0) {
        self.file = file
        self.row = row
        self.column = column
        self.offset = offset
        self.length = length
    }
}

/// A term: what stands where a value can stand. Two terms are equal when they are written alike, wherever that is.
public struct Term: Sendable {
    /// The kinds of term.
    public indirect enum Kind: Sendable {
        /// A constant: null, boolean, number or string (never a collection).
        case scalar(Value)
        /// A variable; `_` gets a name of its own from the parser: `$0`, `$1` …, unique in the module.
        case variable(String)
        /// A head (a variable, a call, a literal collection, a string …) and at least one operand. `a.b[c]` has the
        /// operands "b" (scalar string) and c. The head of `data.x` and `input.x` is the variable `data` or `input`.
        case reference(Term, [Term])
        case array([Term])
        case object([(key: Term, value: Term)])
        case set([Term])
        case arrayComprehension(Term, Body)
        case setComprehension(Term, Body)
        case objectComprehension(key: Term, value: Term, Body)
        /// A call: operator (variable or reference, e.g. `io.jwt.decode`) and arguments. Infix operators are calls of
        /// `plus`, `minus`, `mul`, `div`, `rem`, `and`, `or`, `equal` (==), `neq`, `lt`, `lte`, `gt`, `gte`;
        /// `x in xs` is `internal.member_2(x, xs)`, `k, v in xs` is `internal.member_3(k, v, xs)`.
        case call(Term, [Term])
        /// `$"text {term} text"`.
        case template([TemplatePart])
    }

    /// A part of an interpolated string.
    public enum TemplatePart: Sendable {
        case text(String)
        /// What stands in braces: one expression's term. When it is undefined, the part reads `<undefined>`.
        case term(Term)
    }

    /// What it is.
    public var kind: Kind
    /// Where it stands.
    public var location: Location

    /// Creates it from its parts.
    public init(_ kind: Kind, _ location: Location) {
        self.kind = kind
        self.location = location
    }
}

/// Expressions that must all hold.
public typealias Body = [Expression]

/// One expression of a body.
public struct Expression: Sendable {
    /// The kinds of expression.
    public indirect enum Kind: Sendable {
        /// A term that must be defined and not false.
        case term(Term)
        /// `left = right`.
        case unify(Term, Term)
        /// `left := right`.
        case assign(Term, Term)
        /// `some x, y`.
        case declare([String])
        /// `some x in xs`, `some k, v in xs`; the variables of key and value are declared by it.
        case declareIn(key: Term?, value: Term, collection: Term)
        /// `every k, v in xs { body }`.
        case every(key: Term?, value: Term, collection: Term, body: Body)
        case not(Expression)
    }

    /// What it is.
    public var kind: Kind
    /// `with target as value`, in order; on the outermost expression (outside `not`).
    public var modifiers: [Modifier]
    /// Where it stands.
    public var location: Location

    /// Creates it from its parts.
    public init(_ kind: Kind, modifiers: [Modifier] = [], _ location: Location) {
        self.kind = kind
        self.modifiers = modifiers
        self.location = location
    }
}

/// `with target as value`.
public struct Modifier: Sendable {
    /// What is replaced.
    public var target: Term
    /// The value.
    public var value: Term
    /// Where it stands.
    public var location: Location

    /// Creates it from its parts.
    public init(target: Term, value: Term, _ location: Location) {
        self.target = target
        self.value = value
        self.location = location
    }
}

/// A rule: heads share a name across rules; one `Rule` is one written rule.
public struct Rule: Sendable {
    /// What the head makes.
    public enum HeadKind: Sendable {
        /// `p := v`, `p = v`, `p if …` (value `true`), also with a path: `p.q[x] := v`. A reference whose operands hold a
        /// variable, or whose last operand is not a constant string in v0 `p[k] = v`, makes objects along the path.
        case value(Term)
        /// `p contains x`, v0 `p[x]`.
        case contains(Term)
        /// `f(x) := v`; the value is `true` when none is written.
        case function(arguments: [Term], value: Term)
    }

    /// The head's path: `p` is a variable term; `p.q[x]` a reference with head variable `p`.
    public var path: Term
    /// What the rule makes.
    public var head: HeadKind
    /// Whether it was written with `default`.
    public var isDefault: Bool
    /// Empty for a rule without a body.
    public var body: Body
    /// The `else` branches in order.
    public var alternatives: [(value: Term, body: Body, location: Location)]
    /// Where it stands.
    public var location: Location
    /// Whether the head was written with `:=`.
    public var assigns: Bool

    /// Creates it from its parts.
    public init(
        path: Term, head: HeadKind, isDefault: Bool = false, body: Body = [],
        alternatives: [(value: Term, body: Body, location: Location)] = [], assigns: Bool = false, _ location: Location
    ) {
        self.path = path
        self.head = head
        self.isDefault = isDefault
        self.body = body
        self.alternatives = alternatives
        self.assigns = assigns
        self.location = location
    }
}

/// `import data.x.y as z`. Imports of `rego.v1` and `future.keywords` are kept; the parser has acted on them.
public struct Import: Sendable {
    /// A reference term headed by `data`, `input`, `rego` or `future` (or that variable alone).
    public var path: Term
    /// The name after `as`.
    public var alias: String?
    /// Where it stands.
    public var location: Location

    /// Creates it from its parts.
    public init(path: Term, alias: String?, _ location: Location) {
        self.path = path
        self.alias = alias
        self.location = location
    }
}

/// One parsed source.
public struct Module: Sendable {
    /// The package's path after `data`, e.g. `["kata", "agent"]`.
    public var package: [String]
    /// Where the package is named.
    public var packageLocation: Location
    /// In the order written.
    public var imports: [Import]
    /// In the order written.
    public var rules: [Rule]
    /// `# METADATA` blocks: the YAML text without the comment signs, and the row of the line after the block.
    public var metadata: [(text: String, row: Int, location: Location)]
    /// Whether v1 rules hold (`if` and `contains` demanded, no shadowed `input`/`data`, …).
    public var isV1: Bool
    /// The source, for carets.
    public var source: String

    /// Creates it from its parts.
    public init(
        package: [String], packageLocation: Location, imports: [Import] = [], rules: [Rule] = [],
        metadata: [(text: String, row: Int, location: Location)] = [], isV1: Bool, source: String
    ) {
        self.package = package
        self.packageLocation = packageLocation
        self.imports = imports
        self.rules = rules
        self.metadata = metadata
        self.isV1 = isV1
        self.source = source
    }
}
