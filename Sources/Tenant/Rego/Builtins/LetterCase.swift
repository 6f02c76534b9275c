/// Upper and lower case scalar by scalar, as Go's `unicode.ToUpper` and `ToLower`: never one scalar to several.
enum LetterCase {
    static func lower(_ text: String) -> String { map(text, ASCII.lower, lower) }

    static func upper(_ text: String) -> String { map(text, ASCII.upper, upper) }

    static func lower(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        // The full mapping of a capital I with a dot is two scalars; the simple one is `i`.
        if scalar.value == 0x130 { return "i" }
        return single(scalar.properties.lowercaseMapping) ?? scalar
    }

    static func upper(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        single(scalar.properties.uppercaseMapping) ?? single(scalar.properties.titlecaseMapping) ?? scalar
    }

    private static func single(_ text: String) -> Unicode.Scalar? {
        text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
    }

    private static func map(
        _ text: String, _ byte: (UInt8) -> UInt8, _ scalar: (Unicode.Scalar) -> Unicode.Scalar
    ) -> String {
        if text.utf8.allSatisfy({ $0 < 128 }) { return text.utf8.lazy.map(byte).string }
        var result = String.UnicodeScalarView()
        for old in text.unicodeScalars { result.append(scalar(old)) }
        return String(result)
    }
}
