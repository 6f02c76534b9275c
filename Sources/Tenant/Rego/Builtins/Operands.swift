/// Reading a call's arguments, with OPA's words for those of the wrong type.
///
/// Positions count from 1, as the messages do. A missing argument reads as null: the engine has checked the arity.
extension [Value] {
    package func operand(_ position: Int) -> Value {
        position >= 1 && position <= count ? self[position - 1] : .null
    }

    package func string(_ position: Int) throws(Builtin.Failure) -> String {
        guard case .string(let text) = operand(position) else {
            throw .operand(position, operand(position), "string")
        }
        return text.string
    }

    package func number(_ position: Int) throws(Builtin.Failure) -> Number {
        guard case .number(let number) = operand(position) else {
            throw .operand(position, operand(position), "number")
        }
        return number
    }

    /// A whole number that fits an `Int`.
    package func int(_ position: Int) throws(Builtin.Failure) -> Int {
        guard let int = try number(position).int else {
            throw .operand(position, "must be integer number but got floating-point number")
        }
        return int
    }

    /// A whole number of any size.
    package func bigInteger(_ position: Int) throws(Builtin.Failure) -> BigInteger {
        guard case .number(let number) = operand(position) else {
            throw .operand(position, operand(position), "integer")
        }
        guard let integer = number.bigInteger else {
            throw .operand(position, "must be integer number but got floating-point number")
        }
        return integer
    }

    package func array(_ position: Int) throws(Builtin.Failure) -> [Value] {
        guard case .array(let array) = operand(position) else {
            throw .operand(position, operand(position), "array")
        }
        return array
    }

    package func set(_ position: Int) throws(Builtin.Failure) -> SetValue {
        guard case .set(let set) = operand(position) else { throw .operand(position, operand(position), "set") }
        return set
    }

    package func object(_ position: Int) throws(Builtin.Failure) -> ObjectValue {
        guard case .object(let object) = operand(position) else {
            throw .operand(position, operand(position), "object")
        }
        return object
    }

    /// The members of an array or a set; `expected` is the list for the message.
    package func members(_ position: Int, _ expected: String...) throws(Builtin.Failure) -> [Value] {
        switch operand(position) {
        case .array(let array): return array
        case .set(let set): return set.members
        default: throw .operand(position, operand(position), expected)
        }
    }

    /// An array or a set of strings, or one string.
    package func strings(_ position: Int) throws(Builtin.Failure) -> [String] {
        if case .string(let text) = operand(position) { return [text.string] }
        var strings: [String] = []
        for member in try members(position, "string", "set", "array") {
            guard case .string(let text) = member else { throw .element(position, operand(position), member, "string") }
            strings.append(text.string)
        }
        return strings
    }
}

extension Builtin.Failure {
    package static func operand(_ position: Int, _ text: String) -> Self { .type("operand \(position) \(text)") }

    package static func operand(_ position: Int, _ got: Value, _ expected: String) -> Self {
        .operand(position, "must be \(expected) but got \(got.typeName)")
    }

    package static func operand(_ position: Int, _ got: Value, _ expected: [String]) -> Self {
        .operand(position, "must be one of {\(expected.joined(separator: ", "))} but got \(got.typeName)")
    }

    /// A collection with a member of the wrong type.
    package static func element(_ position: Int, _ collection: Value, _ got: Value, _ expected: String) -> Self {
        let kind = collection.typeName
        return .operand(position, "must be \(kind) of \(expected)s but got \(kind) containing \(got.typeName)")
    }

    /// A result or a value in between that would be too large.
    package static func tooLarge(_ what: String) -> Self {
        .fatal(RegoError("eval_limit_error", "\(what) is too large"))
    }
}

extension Value {
    /// About how many bytes one look at the value takes, its members not looked into.
    fileprivate var lookedAt: Int {
        switch self {
        case .null, .bool, .number: 0
        case .string(let text): text.string.utf8.count
        case .array(let members): members.count * 8
        case .object(let object): object.count * 8
        case .set(let set): set.count * 8
        }
    }
}

extension Builtin {
    /// No builtin makes a longer string than this, whatever the budget.
    static let maximumResult = 1 << 26

    /// Nor a collection of more members.
    static let maximumMembers = 1 << 22

    /// A builtin that needs nothing but its arguments.
    package static func plain(
        _ name: String, _ arity: Int, _ body: @escaping @Sendable (_ arguments: [Value]) throws(Failure) -> Value?
    ) -> Builtin {
        Builtin(name, arity) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let size = arguments.reduce(0) { $0 + $1.lookedAt }
            if size > 256 { try context.charge(size) }
            return try body(arguments)
        }
    }
}

extension Builtin.Context {
    /// Charges for `count` bytes that are about to be made, and refuses absurd results.
    package func grow(_ count: Int, _ what: String = "result") throws(Builtin.Failure) {
        guard count >= 0, count <= Builtin.maximumResult else { throw .tooLarge(what) }
        try charge(count)
    }

    /// Charges for `count` members that are about to be made: a value is as good as 64 bytes.
    func growMembers(_ count: Int, _ what: String = "result") throws(Builtin.Failure) {
        guard count >= 0, count <= Builtin.maximumMembers else { throw .tooLarge(what) }
        try charge(count * 64)
    }
}
