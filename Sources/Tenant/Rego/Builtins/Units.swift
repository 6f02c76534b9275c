/// `units.parse` and `units.parse_bytes`.
extension Builtin {
    static let units: [Builtin] = [
        plain("units.parse", 1) { (a: [Value]) throws(Failure) -> Value? in
            let text = try Array(a.string(1).utf8).filter { $0 != 34 }
            let name = "units.parse: "
            let (amount, rest) = try amountAndUnit(text, name, "no amount provided")
            var unit = Array(rest)
            for index in unit.indices.dropFirst() { unit[index] = ASCII.lower(unit[index]) }
            guard let factor = factor(of: unit.string, milli: true) else {
                throw .builtin(name + "unit \(unit.string) not recognized")
            }
            guard let exact = ExactDecimal(amount.string) else {
                throw .builtin(name + "could not parse amount to a number")
            }
            return .number(exact.multiplied(by: factor, milli: unit.string == "m"))
        },
        plain("units.parse_bytes", 1) { (a: [Value]) throws(Failure) -> Value? in
            let text = try Array(LetterCase.lower(a.string(1)).utf8).filter { $0 != 34 }
            let name = "units.parse_bytes: "
            let (amount, rest) = try amountAndUnit(text, name, "no byte amount provided")
            var unit = rest
            if unit.count > 1, unit.last == 98 { unit = unit.dropLast() }
            guard let factor = factor(of: unit.string, milli: false) else {
                throw .builtin(name + "byte unit \(rest.string) not recognized")
            }
            guard let number = number(fromGo: amount.string) else {
                throw .builtin(name + "could not parse byte amount to a number")
            }
            guard let product = Number.multiplying(number, Number(factor)) else { throw .tooLarge("number") }
            return .number(product.isNegative ? product.ceiling : product.floor)
        },
    ]

    private static func factor(of unit: String, milli: Bool) -> BigInteger? {
        let letters: [UInt8] = Array("kmgtpe".utf8)
        guard let first = unit.utf8.first else { return BigInteger(1) }
        if milli, unit == "m" { return BigInteger(1) }
        guard let power = letters.firstIndex(of: ASCII.lower(first)) else { return nil }
        switch unit.utf8.dropFirst().string {
        case "": return (0..<power).reduce(BigInteger(1000)) { product, _ in product * BigInteger(1000) }
        case "i": return BigInteger(1).shifted(left: 10 * (power + 1))
        default: return nil
        }
    }

    /// The leading number, with an exponent when one stands there, and what follows.
    private static func amountAndUnit(
        _ text: [UInt8], _ name: String, _ none: String
    ) throws(Failure) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
        if text.contains(32) { throw .builtin(name + "spaces not allowed in resource strings") }
        var index = 0
        scan: while index < text.count {
            switch text[index] {
            case 48...57, 46, 43, 45: break
            case 69, 101:
                var digits = index + 1
                guard digits < text.count, ASCII.isDigit(text[digits]) || text[digits] == 43 || text[digits] == 45
                else {
                    break scan
                }
                if !ASCII.isDigit(text[digits]) {
                    digits += 1
                    index += 1
                }
                if text[digits...].prefix(while: ASCII.isDigit).count > 6 {
                    throw .builtin(name + "exponent too large")
                }
            default: break scan
            }
            index += 1
        }
        if index == 0 { throw .builtin(name + none) }
        return (text[..<index], text[index...])
    }
}

/// A decimal number of which nothing is rounded off before the end.
private struct ExactDecimal {
    /// The number is `mantissa` times ten to the power `exponent`.
    private let mantissa: BigInteger
    private let exponent: Int

    init?(_ text: String) {
        guard let number = Builtin.number(fromGo: text) else { return nil }
        let decimal = number.decimal
        exponent = decimal.point - decimal.digits.count
        guard let digits = BigInteger(decimal.digits.isEmpty ? "0" : decimal.digits.string) else { return nil }
        mantissa = decimal.isNegative ? digits.negated : digits
    }

    /// A whole number, or one with ten digits after the point.
    func multiplied(by factor: BigInteger, milli: Bool) -> Number {
        let product = mantissa * factor
        let exponent = exponent - (milli ? 3 : 0)
        let text = product.magnitude.description
        let sign = product < .zero ? "-" : ""
        if exponent >= 0 { return Number(json: sign + text + String(repeating: "0", count: exponent)) ?? Number(0) }
        let padded = String(repeating: "0", count: max(0, 1 - exponent - text.utf8.count)) + text
        let digits = Array(padded.utf8)
        let whole = digits.dropLast(-exponent)
        let fraction = digits.suffix(-exponent)
        if fraction.allSatisfy({ $0 == 48 }) { return Number(json: sign + whole.string) ?? Number(0) }
        var kept = Array(whole + fraction.prefix(10) + repeatElement(48, count: max(0, 10 - fraction.count)))
        if fraction.count > 10, fraction[fraction.startIndex + 10] >= 53, let rounded = BigInteger(kept.string) {
            let text = Array((rounded + BigInteger(1)).description.utf8)
            kept = Array(repeatElement(48, count: max(0, kept.count - text.count))) + text
        }
        return Number(json: sign + kept.dropLast(10).string + "." + kept.suffix(10).string) ?? Number(0)
    }
}
