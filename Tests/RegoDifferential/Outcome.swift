import Rego

/// What our implementation makes of a case, as JSON in which sets, numbers and objects with any key keep their kind.
enum Outcome {
    case rows([PreparedQuery.Row])
    case error(RegoError)

    /// With `strict`, a built-in function that fails ends the evaluation.
    init(_ policyCase: PolicyCase, strict: Bool = false) {
        do {
            var options = CompileOptions()
            options.v0 = policyCase.isV0
            // regopy infers no types: what OPA's checker would refuse is compared by what it gives.
            options.checksTypes = false
            let modules = policyCase.modules.enumerated().map { (name: "m\($0).rego", source: $1) }
            let policy = try Policy.compile(modules: modules, options: options)
            let input = try JSONReader.parse(Array(policyCase.input.utf8))
            let data = try JSONReader.parse(Array(policyCase.data.utf8))
            var limits = Limits.standard
            limits.iterations = 2_000_000
            var context = EvaluationContext()
            context.strictBuiltinErrors = strict
            let query = try policy.prepare(query: policyCase.query)
            self = .rows(try query.evaluate(input: input, data: data, limits: limits, context: context))
        } catch let errors as RegoErrors {
            self = .error(errors.errors.first ?? RegoError("rego_compile_error", "no error was given"))
        } catch let error as RegoError {
            self = .error(error)
        } catch {
            self = .error(RegoError("unknown", "\(error)"))
        }
    }

    /// The message of the error, if there is one.
    var failure: String {
        if case .error(let error) = self { error.message } else { "" }
    }

    /// The outcome as a JSON document.
    var document: Value {
        switch self {
        case .rows(let rows) where rows.isEmpty: return .fields(["kind": .string("undefined")])
        case .rows(let rows):
            let rows = rows.map { row in
                Value.fields([
                    "expressions": .array(row.expressions.map(\.value.tagged)),
                    "bindings": .array(row.bindings.map { .array([.string($0.name), $0.value.tagged]) }),
                ])
            }
            return .fields(["kind": .string("value"), "rows": .array(rows)])
        case .error(let error):
            return .fields([
                "kind": .string("error"), "code": .string(error.code), "message": .string(error.message),
            ])
        }
    }
}

extension Value {
    /// An object of named fields.
    static func fields(_ fields: [String: Value]) -> Value {
        .object(ObjectValue(fields.map { (key: .string($0.key), value: $0.value) }))
    }

    /// Numbers as `{"n": text}`, sets as `{"s": members}`, objects as `{"o": [[key, value]]}`.
    fileprivate var tagged: Value {
        switch self {
        case .number(let number): .fields(["n": .string(number.description)])
        case .array(let members): .array(members.map(\.tagged))
        case .set(let set): .fields(["s": .array(set.members.map(\.tagged))])
        case .object(let object):
            .fields(["o": .array(zip(object.keys, object.values).map { .array([$0.tagged, $1.tagged]) })])
        default: self
        }
    }
}
