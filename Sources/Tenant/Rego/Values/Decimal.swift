/// A decimal number taken apart: `0.d1d2d3… * 10^point`. Exact, and comparable without expanding the exponent.
struct Decimal: Hashable, Sendable {
    var isNegative: Bool
    /// ASCII digits without zeros at either end; empty for zero.
    var digits: [UInt8]
    /// The decimal exponent of the first digit, plus one; 0 for zero.
    var point: Int

    init(isNegative: Bool, digits: [UInt8], point: Int) {
        let zero = UInt8(ascii: "0")
        let first = digits.firstIndex { $0 != zero } ?? digits.count
        let end = (digits.lastIndex { $0 != zero } ?? -1) + 1
        if first >= end {
            (self.isNegative, self.digits, self.point) = (false, [], 0)
        } else {
            self.isNegative = isNegative
            self.digits = first == 0 && end == digits.count ? digits : Array(digits[first..<end])
            self.point = point - first
        }
    }

    /// A whole number.
    init(_ value: BigInteger) {
        let digits = value.decimalDigits
        self.init(isNegative: value.isNegative, digits: digits, point: digits.count)
    }

    var isZero: Bool { digits.isEmpty }

    var isInteger: Bool { digits.count <= point }

    /// The whole number, when it is one.
    var bigInteger: BigInteger? { isInteger ? truncated : nil }

    /// The number rounded towards zero.
    var truncated: BigInteger {
        if point <= 0 { return .zero }
        let zeros = repeatElement(UInt8(ascii: "0"), count: max(point - digits.count, 0))
        return BigInteger(digits: Array(digits.prefix(point)) + zeros, isNegative: isNegative)
    }

    static func order(_ left: Decimal, _ right: Decimal) -> Int {
        let signs = (left.isZero ? 0 : left.isNegative ? -1 : 1, right.isZero ? 0 : right.isNegative ? -1 : 1)
        if signs.0 != signs.1 { return signs.0 < signs.1 ? -1 : 1 }
        if signs.0 == 0 { return 0 }
        if left.point != right.point { return left.point < right.point ? -signs.0 : signs.0 }
        for index in 0..<min(left.digits.count, right.digits.count) where left.digits[index] != right.digits[index] {
            return left.digits[index] < right.digits[index] ? -signs.0 : signs.0
        }
        return left.digits.count == right.digits.count
            ? 0 : left.digits.count < right.digits.count ? -signs.0 : signs.0
    }

    /// The number as Go prints it: whole numbers in full, others as `%g` does with the fewest digits.
    var text: String {
        let zero = UInt8(ascii: "0")
        if isZero { return "0" }
        var bytes: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
        let exponent = point - 1
        if isInteger {
            bytes += digits
            bytes.append(contentsOf: repeatElement(zero, count: point - digits.count))
        } else if exponent < -4 || exponent >= 6 {
            bytes.append(digits[0])
            if digits.count > 1 {
                bytes.append(UInt8(ascii: "."))
                bytes += digits[1...]
            }
            bytes.append(UInt8(ascii: "e"))
            bytes.append(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            let power = String(exponent.magnitude)
            if power.utf8.count < 2 { bytes.append(zero) }
            bytes += power.utf8
        } else if point <= 0 {
            bytes += [zero, UInt8(ascii: ".")]
            bytes.append(contentsOf: repeatElement(zero, count: -point))
            bytes += digits
        } else {
            bytes += digits[..<point]
            bytes.append(UInt8(ascii: "."))
            bytes += digits[point...]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
