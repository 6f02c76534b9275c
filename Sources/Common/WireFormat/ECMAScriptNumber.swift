/// Doubles as ECMAScript's `Number::toString` writes them (ECMA-262 6.1.6.1.20, required by RFC 8785).
enum ECMAScriptNumber {
    /// The text of `number`; `null` when it is not finite.
    static func text(_ number: Double) -> String {
        guard number.isFinite else { return "null" }
        guard number != 0 else { return "0" }
        let (digits, point) = shortestDigits(number.magnitude)
        return (number < 0 ? "-" : "") + layout(digits, point: point)
    }

    /// The shortest digits that read back as `number`, and how many of them stand before the decimal point.
    ///
    /// Swift prints the shortest digits too, only with other rules for the exponent and with `.0` after integers.
    private static func shortestDigits(_ number: Double) -> (digits: [UInt8], point: Int) {
        let parts = number.description.utf8.split(separator: UInt8(ascii: "e"))
        let exponent = parts.count > 1 ? Int(String(decoding: parts[1], as: UTF8.self)) ?? 0 : 0
        let halves = parts[0].split(separator: UInt8(ascii: "."))
        var point = halves[0].count + exponent
        var digits = halves.flatMap { Array($0) }
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
        digits.removeFirst(leading)
        point -= leading
        return (digits, point)
    }

    private static func layout(_ digits: [UInt8], point: Int) -> String {
        let text = { (part: ArraySlice<UInt8>) in String(decoding: part, as: UTF8.self) }
        let zeros = { (count: Int) in String(repeating: "0", count: count) }
        if digits.count <= point, point <= 21 { return text(digits[...]) + zeros(point - digits.count) }
        if point > 0, point <= 21 { return text(digits[..<point]) + "." + text(digits[point...]) }
        if point > -6, point <= 0 { return "0." + zeros(-point) + text(digits[...]) }
        let exponent = point - 1
        let fraction = digits.count > 1 ? "." + text(digits[1...]) : ""
        return text(digits[..<1]) + fraction + "e" + (exponent < 0 ? "-" : "+") + String(exponent.magnitude)
    }
}
