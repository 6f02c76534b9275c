/// Functions over the members of a collection.
extension Builtin {
    static let aggregates: [Builtin] = [
        plain("count", 1, count),
        Builtin("sum", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try fold(a, Number(0), &c) { Number.adding($0, $1) }
        },
        Builtin("product", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try fold(a, Number(1), &c) { Number.multiplying($0, $1) }
        },
        plain("max", 1) { (a: [Value]) throws(Failure) -> Value? in try a.members(1, "set", "array").max() },
        plain("min", 1) { (a: [Value]) throws(Failure) -> Value? in try a.members(1, "set", "array").min() },
        Builtin("sort", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let members = try a.members(1, "set", "array")
            try c.growMembers(members.count)
            return .array(members.sorted())
        },
        plain("all", 1) { (a: [Value]) throws(Failure) -> Value? in
            try .bool(a.members(1, "array", "set").allSatisfy { $0 == .bool(true) })
        },
        plain("any", 1) { (a: [Value]) throws(Failure) -> Value? in
            try .bool(a.members(1, "array", "set").contains(.bool(true)))
        },
    ]

    private static func count(_ arguments: [Value]) throws(Failure) -> Value? {
        switch arguments.operand(1) {
        case .array(let array): .int(array.count)
        case .object(let object): .int(object.count)
        case .set(let set): .int(set.count)
        case .string(let text): .int(text.string.unicodeScalars.count)
        case let other: throw .operand(1, other, ["array", "object", "set", "string"])
        }
    }

    private static func fold(
        _ arguments: [Value], _ start: Number, _ context: inout Context, _ combine: (Number, Number) -> Number?
    ) throws(Failure) -> Value? {
        var result = start
        for member in try arguments.members(1, "set", "array") {
            guard case .number(let number) = member else {
                throw .element(1, arguments.operand(1), member, "number")
            }
            guard let next = combine(result, number) else { throw .tooLarge("number") }
            result = next
            // Text of many digits takes time in proportion to their square.
            let digits = result.int == nil ? result.description.utf8.count : 1
            try context.charge(digits * digits / 64 + digits)
        }
        return .number(result)
    }
}
