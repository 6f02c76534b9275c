#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One argument of `sprintf` in one verb.
enum GoFormatted {
    static func text(_ argument: GoFormat.Argument, _ verb: UInt8, _ flags: GoFormat.Flags) -> String {
        switch argument {
        case .integer(let integer, let fits): fits ? word(integer, verb, flags) : big(integer, verb, flags)
        case .float(let double): float(double, verb, flags)
        case .string(let string): text(string, verb, flags)
        }
    }

    private static func text(_ string: String, _ verb: UInt8, _ flags: GoFormat.Flags) -> String {
        let scalars = flags.precision.map { String(string.unicodeScalars.prefix($0)) }
        switch verb {
        case UInt8(ascii: "q"):
            let text = scalars ?? string
            let backquoted = flags.sharp && !text.unicodeScalars.contains { $0 == "`" || $0.value < 32 && $0 != "\t" }
            return GoFormat.pad(backquoted ? "`\(text)`" : GoQuote.quote(text, asciiOnly: flags.plus), flags)
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            let digits = verb == 120 ? ASCII.hexDigits : ASCII.upperHexDigits
            let bytes = flags.precision.map { Array(string.utf8.prefix($0)) } ?? Array(string.utf8)
            let prefix: [UInt8] = flags.sharp ? [48, verb] : []
            var result: [UInt8] = bytes.isEmpty ? [] : prefix
            for (index, byte) in bytes.enumerated() {
                if flags.space, index > 0 { result += [32] + prefix }
                result += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
            return GoFormat.pad(result.string, flags)
        case UInt8(ascii: "v") where flags.sharp: return GoFormat.pad(GoQuote.quote(string), flags)
        default: return GoFormat.pad(scalars ?? string, flags)
        }
    }

    private static func word(_ integer: BigInteger, _ verb: UInt8, _ flags: GoFormat.Flags) -> String {
        let scalar = integer.int.flatMap { UInt32(exactly: $0) }.flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"
        switch verb {
        case UInt8(ascii: "c"): return GoFormat.pad(String(scalar), flags)
        case UInt8(ascii: "q"):
            return GoFormat.pad(GoQuote.quote(String(scalar), quote: 39, asciiOnly: flags.plus), flags)
        case UInt8(ascii: "U"):
            var digits = integer.magnitude.text(radix: 16)
            digits = String(decoding: digits.utf8.map(ASCII.upper), as: UTF8.self)
            let width = max(4, flags.precision ?? 0)
            var text = "U+" + String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
            if flags.sharp, GoQuote.isPrintable(scalar) { text += " '\(String(scalar))'" }
            var flags = flags
            flags.zero = false
            return GoFormat.pad(text, flags)
        default: return big(integer, verb, flags)
        }
    }

    /// Digits in a base, with sign, prefix, precision and zeros.
    private static func big(_ integer: BigInteger, _ verb: UInt8, _ flags: GoFormat.Flags) -> String {
        let isNegative = integer < .zero
        var prefix = isNegative ? "-" : flags.plus ? "+" : flags.space ? " " : ""
        var radix = 10
        switch verb {
        case UInt8(ascii: "b"):
            radix = 2
            if flags.sharp { prefix += "0b" }
        case UInt8(ascii: "o"):
            radix = 8
            if flags.sharp { prefix += "0" }
        case UInt8(ascii: "O"):
            radix = 8
            prefix += "0o"
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            radix = 16
            if flags.sharp { prefix += verb == 120 ? "0x" : "0X" }
        default: break
        }
        var digits = integer.magnitude.text(radix: radix)
        if verb == UInt8(ascii: "X") { digits = String(decoding: digits.utf8.map(ASCII.upper), as: UTF8.self) }
        if flags.precision == 0, integer.isZero { digits = "" }
        var wanted = flags.precision ?? 0
        if flags.precision == nil, flags.zero, let width = flags.width { wanted = width - prefix.utf8.count }
        if digits.utf8.count < wanted { digits = String(repeating: "0", count: wanted - digits.utf8.count) + digits }
        var flags = flags
        flags.zero = false
        return GoFormat.pad(prefix + digits, flags)
    }

    private static func float(_ double: Double, _ verb: UInt8, _ flags: GoFormat.Flags) -> String {
        var text: String
        switch (verb, flags.precision) {
        case (UInt8(ascii: "b"), _): text = binary(double)
        case (UInt8(ascii: "x"), _), (UInt8(ascii: "X"), _): text = printed(double, verb == 120 ? "a" : "A", nil)
        case (UInt8(ascii: "v"), nil), (UInt8(ascii: "g"), nil): text = shortest(double)
        case (UInt8(ascii: "G"), nil): text = shortest(double).utf8.map(ASCII.upper).string
        case (UInt8(ascii: "v"), let precision): text = printed(double, "g", precision)
        default:
            let letter = verb == UInt8(ascii: "F") ? "f" : String(UnicodeScalar(verb))
            text = printed(double, letter, flags.precision ?? 6)
        }
        if flags.plus, !text.hasPrefix("-") { text = "+" + text }
        if flags.space, !flags.plus, !text.hasPrefix("-") { text = " " + text }
        guard flags.zero, !flags.minus, let width = flags.width, width > text.utf8.count else {
            return GoFormat.pad(text, flags)
        }
        let sign = text.utf8.first.map { $0 == 43 || $0 == 45 || $0 == 32 } == true ? String(text.prefix(1)) : ""
        let digits = String(text.dropFirst(sign.utf8.count))
        return sign + String(repeating: "0", count: width - text.utf8.count) + digits
    }

    /// As C prints it, which rounds as Go does.
    private static func printed(_ double: Double, _ letter: String, _ precision: Int?) -> String {
        let precision = precision.map { min($0, 1_000_000) }
        let format = precision.map { "%.\($0)\(letter)" } ?? "%\(letter)"
        var buffer = [CChar](repeating: 0, count: 400 + (precision ?? 0))
        let count = withVaList([double]) { vsnprintf(&buffer, buffer.count, format, $0) }
        return buffer.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }.string
    }

    private static func binary(_ double: Double) -> String {
        let bits = double.bitPattern
        let exponent = Int(bits >> 52 & 0x7FF)
        let fraction = bits & (1 << 52 - 1)
        let mantissa = exponent == 0 ? fraction : fraction | 1 << 52
        let power = max(exponent, 1) - 1075
        return (double.sign == .minus ? "-" : "") + "\(mantissa)p\(power < 0 ? "" : "+")\(power)"
    }

    /// The fewest digits that read back as the same number; with an exponent below -4 and from 6 on.
    private static func shortest(_ double: Double) -> String {
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        let text = Array("\(double.magnitude)".utf8)
        for (index, byte) in text.enumerated() {
            if byte == 46 {
                point = digits.count
            } else if byte == 101 {
                exponent = Int(text[(index + 1)...].string) ?? 0
                break
            } else {
                digits.append(byte)
            }
        }
        var place = (point ?? digits.count) + exponent
        while digits.count > 1, digits.first == 48 {
            digits.removeFirst()
            place -= 1
        }
        while digits.count > 1, digits.last == 48 { digits.removeLast() }
        if digits == [48] { place = 1 }
        let sign = double.sign == .minus ? "-" : ""
        if place - 1 < -4 || place - 1 >= 6 {
            let rest = digits.dropFirst()
            let power = String((place - 1).magnitude)
            return sign + digits.prefix(1).string + (rest.isEmpty ? "" : "." + rest.string) + (place < 1 ? "e-" : "e+")
                + (power.utf8.count < 2 ? "0" : "") + power
        }
        if place <= 0 { return sign + "0." + String(repeating: "0", count: -place) + digits.string }
        if digits.count <= place {
            return sign + digits.string + String(repeating: "0", count: place - digits.count)
        }
        return sign + digits.prefix(place).string + "." + digits.dropFirst(place).string
    }
}
