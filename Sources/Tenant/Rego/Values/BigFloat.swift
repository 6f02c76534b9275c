/// A binary number with 64 bits of mantissa, rounded to nearest, ties to even: what OPA reckons with when a number is
/// not whole (Go's `big.Float` at its default precision).
struct BigFloat: Sendable {
    let isNegative: Bool
    /// The highest bit is set, except for zero.
    let mantissa: UInt64
    /// The number is `mantissa * 2^exponent`.
    let exponent: Int

    private init(isNegative: Bool, mantissa: UInt64, exponent: Int) {
        self.isNegative = isNegative
        self.mantissa = mantissa
        self.exponent = exponent
    }

    var isZero: Bool { mantissa == 0 }

    /// `magnitude * 2^exponent`, rounded; `more` says that the exact number is a little larger.
    init(isNegative: Bool, magnitude: BigInteger, exponent: Int, more: Bool = false) {
        let width = magnitude.bitWidth
        if width == 0 {
            self.init(isNegative: isNegative, mantissa: 0, exponent: 0)
            return
        }
        let extra = width - 64
        if extra <= 0 {
            let mantissa = UInt64(magnitude.words[0]) << UInt64(-extra)
            self.init(isNegative: isNegative, mantissa: mantissa, exponent: exponent + extra)
            return
        }
        var mantissa = UInt64(magnitude.shifted(right: extra).words[0])
        let half = Self.bit(magnitude, extra - 1)
        if half, more || mantissa & 1 == 1 || Self.anyBit(magnitude, below: extra - 1) {
            mantissa &+= 1
            if mantissa == 0 {
                self.init(isNegative: isNegative, mantissa: 1 << 63, exponent: exponent + extra + 1)
                return
            }
        }
        self.init(isNegative: isNegative, mantissa: mantissa, exponent: exponent + extra)
    }

    /// The nearest to a decimal number.
    init(_ decimal: Decimal) {
        let digits = BigInteger(digits: decimal.digits, isNegative: false)
        let scale = decimal.point - decimal.digits.count
        if scale >= 0 {
            let magnitude = digits * BigInteger.power(5, scale)
            self.init(isNegative: decimal.isNegative, magnitude: magnitude, exponent: scale)
        } else {
            self.init(isNegative: decimal.isNegative, digits, over: BigInteger.power(5, -scale), exponent: scale)
        }
    }

    /// `above / below * 2^exponent`, rounded; `below` is positive.
    private init(isNegative: Bool, _ above: BigInteger, over below: BigInteger, exponent: Int) {
        let shift = max(66 - (above.bitWidth - below.bitWidth), 0)
        let (quotient, remainder) = above.shifted(left: shift).dividing(by: below) ?? (.zero, .zero)
        self.init(
            isNegative: isNegative, magnitude: quotient, exponent: exponent - shift, more: !remainder.isZero)
    }

    private static func bit(_ value: BigInteger, _ index: Int) -> Bool {
        value.words[index / UInt.bitWidth] >> UInt(index % UInt.bitWidth) & 1 == 1
    }

    private static func anyBit(_ value: BigInteger, below index: Int) -> Bool {
        let (whole, part) = index.quotientAndRemainder(dividingBy: UInt.bitWidth)
        if value.words[..<whole].contains(where: { $0 != 0 }) { return true }
        return part > 0 && value.words[whole] & (1 << UInt(part) - 1) != 0
    }

    private var magnitude: BigInteger { BigInteger(mantissa) }

    static func + (left: BigFloat, right: BigFloat) -> BigFloat {
        if left.isZero { return right.isZero && !left.isNegative ? left : right }
        if right.isZero { return left }
        let (high, low) = left.exponent >= right.exponent ? (left, right) : (right, left)
        // Further apart than this, the smaller one only says to which side the sum lies.
        let distance = min(high.exponent - low.exponent, 130)
        let shifted = high.magnitude.shifted(left: distance)
        let sum =
            (high.isNegative ? shifted.negated : shifted) + (low.isNegative ? low.magnitude.negated : low.magnitude)
        return BigFloat(isNegative: sum.isNegative, magnitude: sum.magnitude, exponent: high.exponent - distance)
    }

    static func * (left: BigFloat, right: BigFloat) -> BigFloat {
        BigFloat(
            isNegative: left.isNegative != right.isNegative, magnitude: left.magnitude * right.magnitude,
            exponent: left.exponent + right.exponent)
    }

    /// The quotient; the caller excludes a divisor of zero.
    static func / (left: BigFloat, right: BigFloat) -> BigFloat {
        BigFloat(
            isNegative: left.isNegative != right.isNegative, left.magnitude, over: right.magnitude,
            exponent: left.exponent - right.exponent)
    }

    static prefix func - (value: BigFloat) -> BigFloat {
        BigFloat(isNegative: !value.isNegative, mantissa: value.mantissa, exponent: value.exponent)
    }

    /// The decimal with the fewest digits that reads back as this number, the nearest such.
    var shortest: Decimal {
        if isZero { return Decimal(isNegative: false, digits: [], point: 0) }
        // Quarters of the last bit, so that the limits half a bit above and below are whole.
        let below: UInt64 = mantissa == 1 << 63 ? 1 : 2
        let scaled = magnitude.shifted(left: 2)
        let exact = Self.digits(scaled, exponent - 2)
        let lower = Self.digits(scaled - BigInteger(below), exponent - 2)
        let upper = Self.digits(scaled + BigInteger(2), exponent - 2)
        return Self.round(exact, lower, upper, inclusive: mantissa & 1 == 0, isNegative: isNegative)
    }

    /// `value * 2^exponent` in decimal, exactly.
    private static func digits(_ value: BigInteger, _ exponent: Int) -> Decimal {
        if exponent >= 0 { return Decimal(value.shifted(left: exponent)) }
        let digits = (value * BigInteger.power(5, -exponent)).decimalDigits
        return Decimal(isNegative: false, digits: digits, point: digits.count + exponent)
    }

    /// Cuts `exact` after the first digit where the cut number is still between the limits.
    private static func round(
        _ exact: Decimal, _ lower: Decimal, _ upper: Decimal, inclusive: Bool, isNegative: Bool
    ) -> Decimal {
        let zero = UInt8(ascii: "0")
        func digit(_ decimal: Decimal, _ place: Int) -> UInt8 {
            let index = place - (upper.point - decimal.point)
            return index >= 0 && index < decimal.digits.count ? decimal.digits[index] : zero
        }
        var kept: [UInt8] = []
        // Whether the digits so far leave room for rounding up: 0 equal to the upper limit's, 1 one less, 2 more room.
        var room = 0
        var isAboveLower = false
        let count = max(exact.digits.count + upper.point - exact.point, 1)
        for place in 0..<count {
            let (low, own, high) = (digit(lower, place), digit(exact, place), digit(upper, place))
            let lowerEnds = place + 1 >= lower.digits.count + upper.point - lower.point
            let down = isAboveLower || low != own || (inclusive && lowerEnds)
            if low != own { isAboveLower = true }
            if room == 0, own + 1 < high {
                room = 2
            } else if room == 0, own != high {
                room = 1
            } else if room == 1, own != UInt8(ascii: "9") || high != zero {
                room = 2
            }
            let upperEnds = place + 1 >= upper.digits.count
            let up = room > 0 && (inclusive || room > 1 || !upperEnds)
            if down || up {
                let roundsUp = down && up ? roundsToUpper(exact, place + 1 - (upper.point - exact.point)) : up
                kept.append(own)
                return finish(kept, roundsUp: roundsUp, point: upper.point, isNegative: isNegative)
            }
            kept.append(own)
        }
        return Decimal(isNegative: isNegative, digits: exact.digits, point: exact.point)
    }

    /// Whether the nearest number of `count` digits lies above; a tie goes to the even digit.
    private static func roundsToUpper(_ decimal: Decimal, _ count: Int) -> Bool {
        if count < 0 || count >= decimal.digits.count { return false }
        let next = decimal.digits[count]
        if next == UInt8(ascii: "5"), count + 1 == decimal.digits.count {
            return count > 0 && decimal.digits[count - 1] & 1 == 1
        }
        return next >= UInt8(ascii: "5")
    }

    private static func finish(_ digits: [UInt8], roundsUp: Bool, point: Int, isNegative: Bool) -> Decimal {
        var (digits, point) = (digits, point)
        if roundsUp {
            while digits.last == UInt8(ascii: "9") { digits.removeLast() }
            if digits.isEmpty {
                digits = [UInt8(ascii: "1")]
                point += 1
            } else {
                digits[digits.count - 1] += 1
            }
        }
        return Decimal(isNegative: isNegative, digits: digits, point: point)
    }
}
