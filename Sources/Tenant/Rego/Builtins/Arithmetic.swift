/// Infix arithmetic (also `-`, `&`, `|` of sets) and the functions of one number.
extension Builtin {
    static let arithmetic: [Builtin] = [
        Builtin("plus", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try .number(Number.adding(digits(a, 1, &c), digits(a, 2, &c)))
        },
        Builtin("minus", 2, minus),
        Builtin("mul", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            guard let product = try Number.multiplying(digits(a, 1, &c), digits(a, 2, &c)) else {
                throw .tooLarge("number")
            }
            return .number(product)
        },
        Builtin("div", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (dividend, divisor) = try (digits(a, 1, &c), digits(a, 2, &c))
            if divisor.isZero { throw .builtin("divide by zero") }
            guard let quotient = Number.dividing(dividend, divisor) else { throw .tooLarge("number") }
            return .number(quotient)
        },
        Builtin("rem", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (dividend, divisor) = try (digits(a, 1, &c), digits(a, 2, &c))
            guard dividend.isInteger, divisor.isInteger else { throw .builtin("modulo on floating-point number") }
            guard let rest = Number.remainder(dividend, divisor) else { throw .builtin("modulo by zero") }
            return .number(rest)
        },
        plain("abs", 1) { (a: [Value]) throws(Failure) -> Value? in try .number(a.number(1).absolute) },
        plain("ceil", 1) { (a: [Value]) throws(Failure) -> Value? in try .number(a.number(1).ceiling) },
        plain("floor", 1) { (a: [Value]) throws(Failure) -> Value? in try .number(a.number(1).floor) },
        plain("round", 1) { (a: [Value]) throws(Failure) -> Value? in try .number(a.number(1).rounded) },
    ]

    /// A number operand, charged by its length: a number may have many digits.
    private static func digits(
        _ arguments: [Value], _ position: Int, _ context: inout Context
    ) throws(Failure) -> Number {
        let number = try arguments.number(position)
        if number.int == nil {
            let count = number.description.utf8.count
            guard count <= 1 << 16 else { throw .tooLarge("number") }
            try context.charge(count * count / 64 + count)
        }
        return number
    }

    private static func minus(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        switch (arguments.operand(1), arguments.operand(2)) {
        case (.number, .number):
            return try .number(Number.subtracting(digits(arguments, 1, &context), digits(arguments, 2, &context)))
        case (.set(let one), .set(let other)):
            try context.charge(one.count + other.count)
            return .set(one.subtracting(other))
        case (.number, let other): throw .operand(2, other, "number")
        case (.set, .number(let number)): throw .operand(2, .number(number), "set")
        case (.set, let other): throw .operand(2, other, "number")
        case (let one, _): throw .operand(1, one, ["number", "set"])
        }
    }
}
