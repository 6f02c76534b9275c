/// What a plain scalar stands for, as the YAML 1.1 that Go's `yaml.v2` reads.
enum YAMLScalar {
    static func resolve(_ text: String) -> Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .bool(true)
        case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .bool(false)
        default: break
        }
        guard let first = text.utf8.first, ASCII.isDigit(first) || "+-.".utf8.contains(first), text.utf8.count < 512
        else {
            return .string(text)
        }
        return number(text.utf8.filter { $0 != 95 }).map { .number($0) } ?? .string(text)
    }

    private static func number(_ bytes: [UInt8]) -> Number? {
        var digits = bytes[...]
        let isNegative = digits.first == 45
        if isNegative || digits.first == 43 { digits = digits.dropFirst() }
        let prefix = digits.prefix(2).string
        if let radix = ["0x": 16, "0o": 8, "0b": 2][prefix] {
            return Int(digits.dropFirst(2).string, radix: radix).map { Number(isNegative ? -$0 : $0) }
        }
        if digits.count > 1, digits.first == 48, digits.allSatisfy({ $0 >= 48 && $0 < 56 }) {
            return Int(digits.string, radix: 8).map { Number(isNegative ? -$0 : $0) }
        }
        // Digits, point and exponent only: what ParseFloat takes besides is text here.
        var seenPoint = false
        var seenExponent = false
        var seenDigit = false
        var previous: UInt8 = 0
        for byte in digits {
            switch byte {
            case 48...57: seenDigit = true
            case 46 where !seenPoint && !seenExponent: seenPoint = true
            case 69, 101:
                guard !seenExponent, seenDigit else { return nil }
                seenExponent = true
            case 43, 45: guard previous == 69 || previous == 101 else { return nil }
            default: return nil
            }
            previous = byte
        }
        guard seenDigit else { return nil }
        return Builtin.number(fromGo: bytes.string)
    }

    /// A key as text: YAML's keys may be of any type, JSON's are strings.
    static func key(_ value: Value) -> String? {
        switch value {
        case .string(let text): text.string
        case .number(let number): number.description
        case .bool(let bool): bool ? "true" : "false"
        case .null: "null"
        default: nil
        }
    }

    /// Whether a plain scalar would be read as a date, a time of a day or a number to the base 60: texts like these are
    /// written in quotes, though they are read as texts.
    static func isTime(_ text: String) -> Bool {
        let words = text.split(whereSeparator: { "Tt ".contains($0) })
        let date = (words.first ?? "").split(separator: "-", omittingEmptySubsequences: false)
        if date.count == 3, date[0].count == 4, date.allSatisfy({ $0.utf8.allSatisfy(ASCII.isDigit) }),
            let month = Int(date[1]), let day = Int(date[2]), (1...12).contains(month), (1...31).contains(day)
        {
            return words.count == 1
                ? words[0].utf8.count == text.utf8.count : words.count == 2 && words[1].contains(":")
        }
        let parts = text.drop { $0 == "-" || $0 == "+" }.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts[0].utf8.first, ASCII.isDigit(first),
            parts[0].utf8.allSatisfy({ ASCII.isDigit($0) || $0 == 95 })
        else { return false }
        return parts.dropFirst().enumerated().allSatisfy { place, part in
            let digits = place == parts.count - 2 ? part.prefix { $0 != "." } : part
            return Int(digits).map { (0...59).contains($0) } ?? false
        }
    }
}
