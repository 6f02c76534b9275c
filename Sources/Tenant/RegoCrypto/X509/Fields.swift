import Rego

/// The fields of an object in the making.
struct Fields {
    private var pairs: [(key: Value, value: Value)] = []

    init() {}

    mutating func add(_ name: String, _ value: Value) { pairs.append((.string(name), value)) }

    /// A list that Go has not: null.
    mutating func addNull(_ names: String...) { for name in names { add(name, .null) } }

    /// A list of texts; null when it is empty.
    mutating func add(_ name: String, texts: [String]) {
        add(name, texts.isEmpty ? .null : .array(texts.map { .string($0) }))
    }

    /// An object identifier.
    static func identifier(_ parts: [Int]) -> Value { .array(parts.map { .int($0) }) }

    var value: Value { .object(ObjectValue(pairs)) }
}
