/// A Rego value: JSON, and sets, and objects whose keys are any value.
///
/// Values are ordered as OPA orders them: null, booleans, numbers, strings, arrays, objects, sets; strings by their UTF-8
/// bytes. Equality is equality of that order, so 1 and 1.0 are one value.
public enum Value: Sendable {
    case null
    case bool(Bool)
    case number(Number)
    case string(Text)
    case array([Value])
    case object(ObjectValue)
    case set(SetValue)
}

extension Value {
    /// A string value.
    @inlinable public static func string(_ string: String) -> Value { .string(Text(string)) }

    /// A whole number.
    @inlinable public static func int(_ value: Int) -> Value { .number(Number(value)) }

    /// The type's name as `type_name` and error messages give it.
    public var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        case .set: "set"
        }
    }

    /// Everything but `false` (and undefined, which is no value) lets an expression hold.
    @inlinable public var holds: Bool {
        if case .bool(false) = self { false } else { true }
    }
}
