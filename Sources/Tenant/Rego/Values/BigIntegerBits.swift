/// Bits as Go's `big.Int` sees them: two's complement with endless sign bits.
extension BigInteger {
    /// `self * 2^bits`; for negative `bits`, divided and rounded down. The caller bounds `bits`.
    public func shifted(left bits: Int) -> BigInteger {
        if bits < 0 { return shifted(right: bits == .min ? .max : -bits) }
        if bits == 0 || isZero { return self }
        let (whole, part) = bits.quotientAndRemainder(dividingBy: UInt.bitWidth)
        let words = [UInt](repeating: 0, count: whole) + Self.shifted(words, left: part)
        return BigInteger(words: words, isNegative: isNegative)
    }

    /// `self / 2^bits` rounded down, for `bits` of zero or more.
    public func shifted(right bits: Int) -> BigInteger {
        if isNegative { return (self + BigInteger(1)).magnitudeShifted(right: bits).negated - BigInteger(1) }
        return magnitudeShifted(right: bits)
    }

    private func magnitudeShifted(right bits: Int) -> BigInteger {
        let (whole, part) = bits.quotientAndRemainder(dividingBy: UInt.bitWidth)
        if whole >= words.count { return .zero }
        return BigInteger(words: Self.shifted(Array(words[whole...]), right: part), isNegative: false)
    }

    /// Bitwise and.
    public static func & (left: BigInteger, right: BigInteger) -> BigInteger { combine(left, right) { $0 & $1 } }

    /// Bitwise or.
    public static func | (left: BigInteger, right: BigInteger) -> BigInteger { combine(left, right) { $0 | $1 } }

    /// Bitwise exclusive or.
    public static func ^ (left: BigInteger, right: BigInteger) -> BigInteger { combine(left, right) { $0 ^ $1 } }

    /// Every bit turned: `-self - 1`.
    public static prefix func ~ (value: BigInteger) -> BigInteger { value.negated - BigInteger(1) }

    private static func combine(
        _ left: BigInteger, _ right: BigInteger, _ operation: (UInt, UInt) -> UInt
    ) -> BigInteger {
        let size = max(left.words.count, right.words.count) + 1
        let (one, other) = (left.complement(size), right.complement(size))
        let words = one.indices.map { operation(one[$0], other[$0]) }
        let isNegative = words[size - 1] >> UInt(UInt.bitWidth - 1) == 1
        return isNegative
            ? BigInteger(words: negate(words), isNegative: true) : BigInteger(words: words, isNegative: false)
    }

    private func complement(_ size: Int) -> [UInt] {
        let padded = words + [UInt](repeating: 0, count: size - words.count)
        return isNegative ? Self.negate(padded) : padded
    }

    private static func negate(_ words: [UInt]) -> [UInt] {
        var carry = true
        return words.map { word in
            let (sum, over) = (~word).addingReportingOverflow(carry ? 1 : 0)
            carry = over
            return sum
        }
    }
}
