/// A JSON Schema, draft 4 to 7, as OPA's library reads them. Nothing is ever fetched: references stay inside.
final class JSONSchema {
    /// Why a schema cannot be used, or a check ended.
    enum Failure: Error {
        case invalid(String)
        case stopped(Builtin.Failure)
    }

    enum Draft: Int {
        case four = 4
        case six = 6
        case seven = 7
        /// No draft is named: the keys of all of them.
        case hybrid = 8
    }

    /// Several schemas, or the answer for what no schema covers.
    enum Additional {
        case allowed(Bool)
        case schema(JSONSchema)
    }

    enum Dependency {
        case names([String])
        case schema(JSONSchema)
    }

    /// The types that there are.
    static let types = ["array", "boolean", "integer", "number", "null", "object", "string"]
    /// How deep schemas may be nested, and how deep a check may go.
    static let nesting = 128

    /// The answer of a schema that is only `true` or `false`.
    var constant: Bool?
    var reference: JSONSchema?
    var types: [String] = []
    var properties: [(name: String, schema: JSONSchema)] = []
    var additionalProperties: Additional?
    var patternProperties: [(pattern: Regex, schema: JSONSchema)] = []
    var propertyNames: JSONSchema?
    var dependencies: [String: Dependency] = [:]
    var items: [JSONSchema] = []
    var isOneItemSchema = false
    var additionalItems: Additional?
    var contains: JSONSchema?
    var required: [String] = []
    var multipleOf: Number?
    var minimum: Number?
    var maximum: Number?
    var exclusiveMinimum: Number?
    var exclusiveMaximum: Number?
    /// Bounds of counts, by key: `minLength`, `maxItems` and so on.
    var bounds: [String: Int] = [:]
    var isUnique = false
    var pattern: (regex: Regex, text: String)?
    var format = ""
    var constantValue: Value?
    var enumeration: [Value] = []
    var oneOf: [JSONSchema] = []
    var anyOf: [JSONSchema] = []
    var allOf: [JSONSchema] = []
    var not: JSONSchema?
    var condition: JSONSchema?
    var then: JSONSchema?
    var otherwise: JSONSchema?
}
