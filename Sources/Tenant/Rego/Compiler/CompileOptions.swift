/// How a policy is compiled.
public struct CompileOptions: Sendable {
    /// Sources are read as Rego v0.
    public var v0 = false
    /// OPA's strict mode: unused imports, locals and arguments are errors.
    public var strict = false
    /// Functions beyond those that the module brings; one with the name of another takes its place.
    public var functions: [Builtin] = []
    /// `not f(input.x)` is undefined when `input.x` is, as OPA 1.x has it (open-policy-agent/opa#8387 calls it a bug);
    /// otherwise, as in regorus, it holds: what a negation needs is part of what is negated.
    public var hoistsNegation = false

    /// Calls, equalities and references that can hold for no value at all are errors, as in OPA. Rego v0 is checked only
    /// when `strict` is set: its policies come from engines that do not look at types (regorus), where a rule that
    /// cannot hold harms nobody.
    public var checksTypes = true

    var looksAtTypes: Bool { checksTypes && (!v0 || strict) }

    /// Creates it from its parts.
    public init() {}
}
