/// Comparisons: of any two values, by the order of values.
extension Builtin {
    static let comparison: [Builtin] = [
        plain("equal", 2) { .bool(Value.order($0.operand(1), $0.operand(2)) == 0) },
        plain("eq", 2) { .bool(Value.order($0.operand(1), $0.operand(2)) == 0) },
        plain("neq", 2) { .bool(Value.order($0.operand(1), $0.operand(2)) != 0) },
        plain("lt", 2) { .bool(Value.order($0.operand(1), $0.operand(2)) < 0) },
        plain("lte", 2) { .bool(Value.order($0.operand(1), $0.operand(2)) <= 0) },
        plain("gt", 2) { .bool(Value.order($0.operand(1), $0.operand(2)) > 0) },
        plain("gte", 2) { .bool(Value.order($0.operand(1), $0.operand(2)) >= 0) },
        plain("internal.member_2", 2) { .bool(contains($0.operand(2), $0.operand(1))) },
        plain("internal.member_3", 3) { .bool(contains($0.operand(3), at: $0.operand(1), $0.operand(2))) },
    ]

    /// Whether a collection has `value`; of an object, among its values.
    private static func contains(_ collection: Value, _ value: Value) -> Bool {
        switch collection {
        case .array(let array): array.contains(value)
        case .object(let object): object.values.contains(value)
        case .set(let set): set.contains(value)
        default: false
        }
    }

    /// Whether a collection has `value` at `key`.
    private static func contains(_ collection: Value, at key: Value, _ value: Value) -> Bool {
        switch collection {
        case .array(let array):
            guard case .number(let number) = key, let index = number.int, array.indices.contains(index) else {
                return false
            }
            return array[index] == value
        case .object(let object): return object[key].map { $0 == value } ?? false
        case .set(let set): return key == value && set.contains(key)
        default: return false
        }
    }
}
