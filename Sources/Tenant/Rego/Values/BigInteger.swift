/// A whole number of any size: what Rego's integers are once they leave the machine word.
public struct BigInteger: Hashable, Sendable, Comparable {
    /// The magnitude in words, least first, without zeros at the end; empty is zero.
    let words: [UInt]
    /// The sign; false for zero.
    public let isNegative: Bool

    init(words: [UInt], isNegative: Bool) {
        var words = words
        while words.last == 0 { words.removeLast() }
        self.words = words
        self.isNegative = isNegative && !words.isEmpty
    }

    /// A machine word's number.
    public init(_ value: Int) { self.init(words: [value.magnitude], isNegative: value < 0) }

    /// A magnitude.
    public init(_ value: UInt64) { self.init(words: [UInt(value)], isNegative: false) }

    /// Zero.
    public static let zero = BigInteger(0)

    /// Whether it is zero.
    public var isZero: Bool { words.isEmpty }

    /// The number without its sign.
    public var magnitude: BigInteger { BigInteger(words: words, isNegative: false) }

    /// The number with the other sign.
    public var negated: BigInteger { BigInteger(words: words, isNegative: !isNegative) }

    /// Bits of the magnitude; 0 for zero.
    public var bitWidth: Int { words.last.map { words.count * UInt.bitWidth - $0.leadingZeroBitCount } ?? 0 }

    /// The machine word's number, when it fits.
    public var int: Int? {
        guard let word = words.first else { return 0 }
        guard words.count == 1 else { return nil }
        if isNegative { return word <= UInt(Int.max) + 1 ? Int(truncatingIfNeeded: 0 &- word) : nil }
        return Int(exactly: word)
    }

    /// Comes before in order.
    public static func < (left: BigInteger, right: BigInteger) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        let order = compare(left.words, right.words)
        return left.isNegative ? order > 0 : order < 0
    }

    /// Orders two magnitudes.
    static func compare(_ left: [UInt], _ right: [UInt]) -> Int {
        if left.count != right.count { return left.count < right.count ? -1 : 1 }
        for index in left.indices.reversed() where left[index] != right[index] {
            return left[index] < right[index] ? -1 : 1
        }
        return 0
    }

    /// The sum.
    public static func + (left: BigInteger, right: BigInteger) -> BigInteger {
        if left.isNegative == right.isNegative {
            return BigInteger(words: sum(left.words, right.words), isNegative: left.isNegative)
        }
        if compare(left.words, right.words) >= 0 {
            return BigInteger(words: difference(left.words, right.words), isNegative: left.isNegative)
        }
        return BigInteger(words: difference(right.words, left.words), isNegative: right.isNegative)
    }

    /// The difference.
    public static func - (left: BigInteger, right: BigInteger) -> BigInteger { left + right.negated }

    /// The product.
    public static func * (left: BigInteger, right: BigInteger) -> BigInteger {
        if left.isZero || right.isZero { return zero }
        var words = [UInt](repeating: 0, count: left.words.count + right.words.count)
        for (place, factor) in left.words.enumerated() {
            var carry: UInt = 0
            for (offset, other) in right.words.enumerated() {
                let product = factor.multipliedFullWidth(by: other)
                let (low, first) = product.low.addingReportingOverflow(carry)
                let (total, second) = low.addingReportingOverflow(words[place + offset])
                words[place + offset] = total
                carry = product.high &+ (first ? 1 : 0) &+ (second ? 1 : 0)
            }
            words[place + right.words.count] = carry
        }
        return BigInteger(words: words, isNegative: left.isNegative != right.isNegative)
    }

    private static func sum(_ left: [UInt], _ right: [UInt]) -> [UInt] {
        let (long, short) = left.count >= right.count ? (left, right) : (right, left)
        var words = long
        var carry: UInt = 0
        for index in long.indices {
            if index >= short.count && carry == 0 { break }
            let (first, one) = long[index].addingReportingOverflow(index < short.count ? short[index] : 0)
            let (second, two) = first.addingReportingOverflow(carry)
            words[index] = second
            carry = one || two ? 1 : 0
        }
        if carry > 0 { words.append(carry) }
        return words
    }

    /// The larger magnitude less the smaller.
    private static func difference(_ left: [UInt], _ right: [UInt]) -> [UInt] {
        var words = left
        var borrow: UInt = 0
        for index in left.indices {
            if index >= right.count && borrow == 0 { break }
            let (first, one) = left[index].subtractingReportingOverflow(index < right.count ? right[index] : 0)
            let (second, two) = first.subtractingReportingOverflow(borrow)
            words[index] = second
            borrow = one || two ? 1 : 0
        }
        return words
    }
}
