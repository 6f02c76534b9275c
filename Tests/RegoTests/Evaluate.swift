import Rego

/// Compiles one module and evaluates a query to its first value.
func evaluate(
    _ source: String, _ query: String = "data.t.p", input: Value? = nil, data: Value = .object(ObjectValue([])),
    limits: Limits = .standard, context: EvaluationContext = EvaluationContext()
) throws -> Value? {
    try policy(source).prepare(query: query).value(input: input, data: data, limits: limits, context: context)
}

/// A policy of one v1 module of package `t`.
func policy(_ source: String, strict: Bool = false) throws -> Policy {
    var options = CompileOptions()
    options.strict = strict
    return try Policy.compile(modules: [(name: "t.rego", source: "package t\n\n\(source)")], options: options)
}

/// The errors of compiling a module.
func compileErrors(_ source: String, strict: Bool = false) -> [RegoError] {
    do {
        _ = try policy(source, strict: strict)
        return []
    } catch let errors as RegoErrors {
        return errors.errors
    } catch {
        return []
    }
}

/// A JSON text as a value.
func fromJSON(_ text: String) throws -> Value { try JSONReader.parse(Array(text.utf8)) }

/// The error that an evaluation ends with.
func evaluationError(
    _ source: String, _ query: String = "data.t.p", limits: Limits = .standard,
    context: EvaluationContext = EvaluationContext()
) -> RegoError? {
    do {
        _ = try evaluate(source, query, limits: limits, context: context)
        return nil
    } catch {
        return error as? RegoError
    }
}
