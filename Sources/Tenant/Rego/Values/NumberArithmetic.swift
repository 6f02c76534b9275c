extension Number {
    /// The sum.
    public static func adding(_ left: Number, _ right: Number) -> Number {
        if let one = left.word, let other = right.word {
            let (sum, overflow) = one.addingReportingOverflow(other)
            if !overflow { return Number(sum) }
        }
        if let one = left.bigInteger, let other = right.bigInteger { return Number(one + other) }
        return Number(left.float + right.float) ?? left
    }

    /// The difference.
    public static func subtracting(_ left: Number, _ right: Number) -> Number {
        if let one = left.word, let other = right.word {
            let (difference, overflow) = one.subtractingReportingOverflow(other)
            if !overflow { return Number(difference) }
        }
        if let one = left.bigInteger, let other = right.bigInteger { return Number(one - other) }
        return Number(left.float + -right.float) ?? left
    }

    /// The product; nil when it has more digits than a number may have.
    public static func multiplying(_ left: Number, _ right: Number) -> Number? {
        if let one = left.word, let other = right.word {
            let (product, overflow) = one.multipliedReportingOverflow(by: other)
            if !overflow { return Number(product) }
        }
        if left.isInteger, right.isInteger {
            guard left.decimal.point + right.decimal.point <= 2 * digitLimit else { return nil }
            if let one = left.bigInteger, let other = right.bigInteger { return Number(one * other) }
        }
        return Number(left.float * right.float)
    }

    /// The quotient: whole when it is, else with 64 bits of mantissa; nil when the divisor is zero (`isZero`) or the
    /// quotient is out of bounds.
    public static func dividing(_ left: Number, _ right: Number) -> Number? {
        if right.isZero { return nil }
        if let one = left.word, let other = right.word {
            let (quotient, overflow) = one.dividedReportingOverflow(by: other)
            if !overflow, one != 0, one.remainderReportingOverflow(dividingBy: other).partialValue == 0 {
                return Number(quotient)
            }
        }
        return Number(left.float / right.float)
    }

    /// The remainder of whole numbers, with the sign of the dividend; nil when an operand is not whole or the divisor is
    /// zero.
    public static func remainder(_ left: Number, _ right: Number) -> Number? {
        if right.isZero { return nil }
        if let one = left.word, let other = right.word {
            return Number(other == -1 ? 0 : one % other)
        }
        guard let one = left.bigInteger, let other = right.bigInteger else { return nil }
        return (one.dividing(by: other)?.remainder).map { Number($0) }
    }

    /// The number without its sign.
    public var absolute: Number { isNegative ? Number.subtracting(Number(0), self) : self }

    /// The nearest whole number; a half goes away from zero.
    public var rounded: Number {
        if word != nil { return self }
        let half = Number(Decimal(isNegative: isNegative, digits: [UInt8(ascii: "5")], point: 0), text: "0.5")
        return Number(Number.adding(self, half).decimal.truncated)
    }

    /// The least whole number that is not less.
    public var ceiling: Number {
        if word != nil { return self }
        let truncated = decimal.truncated
        return Number(decimal.isInteger || isNegative ? truncated : truncated + BigInteger(1))
    }

    /// The greatest whole number that is not greater.
    public var floor: Number {
        if word != nil { return self }
        let truncated = decimal.truncated
        return Number(decimal.isInteger || !isNegative ? truncated : truncated - BigInteger(1))
    }

    private var float: BigFloat { BigFloat(decimal) }

    /// A computed number, in the text that OPA would give it; nil when it is out of bounds.
    private init?(_ float: BigFloat) {
        guard float.exponent.magnitude <= 7 * Self.digitLimit else { return nil }
        if float.isZero, float.isNegative {
            self.init(Decimal(isNegative: false, digits: [], point: 0), text: "-0")
        } else {
            self.init(computed: float.shortest)
        }
    }
}
