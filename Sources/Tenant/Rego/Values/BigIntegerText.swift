extension BigInteger: CustomStringConvertible {
    /// Decimal digits, ASCII, most significant first; empty for zero; without the sign.
    var decimalDigits: [UInt8] {
        var chunks: [UInt] = []
        var rest = words
        while !rest.isEmpty {
            let (quotient, remainder) = Self.divide(rest, by: Self.chunk)
            chunks.append(remainder)
            rest = quotient
            while rest.last == 0 { rest.removeLast() }
        }
        var digits: [UInt8] = []
        digits.reserveCapacity(chunks.count * Self.chunkDigits)
        for chunk in chunks.reversed() {
            var divisor = Self.chunk / 10
            while divisor > 0 {
                let digit = UInt8(chunk / divisor % 10)
                if digit != 0 || !digits.isEmpty { digits.append(digit + 48) }
                divisor /= 10
            }
        }
        return digits
    }

    /// The text for people.
    public var description: String {
        isZero ? "0" : (isNegative ? "-" : "") + String(decoding: decimalDigits, as: UTF8.self)
    }

    /// The number in a base from 2 to 36, in lowercase.
    public func text(radix: Int) -> String {
        if isZero { return "0" }
        if radix == 10 { return description }
        var digits: [UInt8] = []
        var rest = words
        let base = UInt(min(max(radix, 2), 36))
        while !rest.isEmpty {
            let (quotient, remainder) = Self.divide(rest, by: base)
            digits.append(UInt8(remainder < 10 ? remainder + 48 : remainder + 87))
            rest = quotient
            while rest.last == 0 { rest.removeLast() }
        }
        if isNegative { digits.append(UInt8(ascii: "-")) }
        return String(decoding: digits.reversed(), as: UTF8.self)
    }

    /// A number from ASCII decimal digits; the caller has checked them and bounded their count.
    init(digits: some Sequence<UInt8>, isNegative: Bool) {
        var words: [UInt] = []
        var (part, factor): (UInt, UInt) = (0, 1)
        for digit in digits {
            part = part * 10 + UInt(digit - 48)
            factor *= 10
            if factor == Self.chunk {
                Self.append(part, factor: factor, to: &words)
                (part, factor) = (0, 1)
            }
        }
        if factor > 1 { Self.append(part, factor: factor, to: &words) }
        self.init(words: words, isNegative: isNegative)
    }

    /// A number from text: an optional sign and decimal digits, at most `Number.digitLimit` of them.
    public init?(_ text: some StringProtocol) {
        var bytes = Array(text.utf8)[...]
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isNegative || bytes.first == UInt8(ascii: "+") { bytes = bytes.dropFirst() }
        guard !bytes.isEmpty, bytes.count <= Number.digitLimit, bytes.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
            return nil
        }
        self.init(digits: bytes, isNegative: isNegative)
    }

    private static func append(_ part: UInt, factor: UInt, to words: inout [UInt]) {
        var carry = part
        for index in words.indices {
            let product = words[index].multipliedFullWidth(by: factor)
            let (low, over) = product.low.addingReportingOverflow(carry)
            words[index] = low
            carry = product.high &+ (over ? 1 : 0)
        }
        if carry > 0 { words.append(carry) }
    }

    /// `base` to the power of `exponent`; the caller bounds the exponent.
    static func power(_ base: UInt, _ exponent: Int) -> BigInteger {
        var result = BigInteger(1)
        var square = BigInteger(words: [base], isNegative: false)
        var rest = exponent
        while rest > 0 {
            if rest & 1 == 1 { result = result * square }
            rest >>= 1
            if rest > 0 { square = square * square }
        }
        return result
    }

    private static let chunk: UInt = 1_000_000_000_000_000_000
    private static let chunkDigits = 18
}
