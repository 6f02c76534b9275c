/// `bits.*`, on whole numbers of any size, negative ones in two's complement without end.
extension Builtin {
    static let bits: [Builtin] = [
        plain("bits.and", 2) { (a: [Value]) throws(Failure) -> Value? in
            try .number(Number(a.bigInteger(1) & a.bigInteger(2)))
        },
        plain("bits.or", 2) { (a: [Value]) throws(Failure) -> Value? in
            try .number(Number(a.bigInteger(1) | a.bigInteger(2)))
        },
        plain("bits.xor", 2) { (a: [Value]) throws(Failure) -> Value? in
            try .number(Number(a.bigInteger(1) ^ a.bigInteger(2)))
        },
        plain("bits.negate", 1) { (a: [Value]) throws(Failure) -> Value? in try .number(Number(~a.bigInteger(1))) },
        Builtin("bits.lsh", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (value, shift) = try (a.bigInteger(1), shift(a))
            guard value.isZero || value.bitWidth + min(shift, widest) <= widest else { throw .tooLarge("number") }
            try c.charge(shift / 8)
            return .number(Number(value.isZero ? value : value.shifted(left: shift)))
        },
        plain("bits.rsh", 2) { (a: [Value]) throws(Failure) -> Value? in
            try .number(Number(a.bigInteger(1).shifted(right: min(shift(a), 1 << 20))))
        },
    ]

    /// Bits of a number as long as numbers may be.
    private static let widest = 33_000

    private static func shift(_ arguments: [Value]) throws(Failure) -> Int {
        let shift = try arguments.bigInteger(2)
        if shift < .zero {
            throw .operand(2, "must be an unsigned integer number but got a negative integer")
        }
        return shift.int ?? .max
    }
}
