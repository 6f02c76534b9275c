extension Builtin {
    /// `json.verify_schema` and `json.match_schema`.
    static let jsonSchema: [Builtin] = [
        Builtin("json.verify_schema", 1) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let charge = context.charge
            do throws(JSONSchema.Failure) {
                _ = try JSONSchemaReader.read(document(arguments.operand(1)), charge)
                return .array([.bool(true), .null])
            } catch {
                switch error {
                case .stopped(let failure): throw failure
                case .invalid(let message): return .array([.bool(false), .string("jsonschema: \(message)")])
                }
            }
        },
        Builtin("json.match_schema", 2) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let charge = context.charge
            do throws(JSONSchema.Failure) {
                let value = try document(arguments.operand(1))
                let schema = try JSONSchemaReader.read(document(arguments.operand(2)), charge)
                var check = JSONSchemaCheck(charge)
                let problems: [JSONSchemaCheck.Problem]
                do throws(Failure) { problems = try check.check(value, schema).problems } catch {
                    throw .stopped(error)
                }
                return .array([.bool(problems.isEmpty), .array(problems.map(\.value))])
            } catch {
                switch error {
                case .stopped(let failure): throw failure
                case .invalid(let message): throw .builtin(message)
                }
            }
        },
    ]

    /// A document as a text or as a value; sets are arrays in it.
    private static func document(_ value: Value) throws(JSONSchema.Failure) -> Value {
        let bytes: [UInt8]
        switch value {
        case .string(let text): bytes = Array(text.string.utf8)
        case .object, .array: bytes = value.json()
        default: throw .invalid("wrong type, expected string or object")
        }
        guard let document = try? JSONReader.parse(bytes) else { throw .invalid("invalid JSON string") }
        return document
    }
}
