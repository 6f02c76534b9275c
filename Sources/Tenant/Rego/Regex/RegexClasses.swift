/// Bracket expressions, named classes and escapes.
extension RegexParser {
    mutating func bracket() throws(RegexError) -> ScalarSet {
        let start = place
        place += 1
        let isNegated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while isFirst || peek() != "]" {
            isFirst = false
            if let posix = try posixClass() {
                ranges += posix.ranges
                continue
            }
            if peek() == "\\", let named = try namedClass() {
                ranges += named.ranges
                continue
            }
            let rangeStart = place
            let low = try classScalar(start)
            var high = low
            if peek() == "-", let after = peek(1), after != "]" {
                place += 1
                high = try classScalar(start)
                if high < low { throw error(.invalidClassRange, rangeStart, place) }
            }
            ranges.append(low...high)
        }
        place += 1
        var set = ScalarSet(ranges)
        if flags.foldsCase { set = set.folded }
        return isNegated ? set.inverted : set
    }

    private mutating func classScalar(_ start: Int) throws(RegexError) -> UInt32 {
        guard let scalar = peek() else { throw error(.missingBracket, start) }
        if scalar == "\\" { return try escape() }
        place += 1
        return scalar.value
    }

    private mutating func posixClass() throws(RegexError) -> ScalarSet? {
        guard peek() == "[", peek(1) == ":" else { return nil }
        var end = place + 2
        while end + 1 < text.count, !(text[end] == ":" && text[end + 1] == "]") { end += 1 }
        guard end + 1 < text.count else { return nil }
        var name = text[(place + 2)..<end]
        let isNegated = name.first == "^"
        if isNegated { name = name.dropFirst() }
        guard let set = Self.posix[String(String.UnicodeScalarView(name))] else {
            throw error(.invalidClassRange, place, end + 2)
        }
        place = end + 2
        return isNegated ? set.inverted : set
    }

    /// `\d`, `\W`, `\pL`, `\P{Greek}` …; nil (and nothing taken) for anything else.
    mutating func namedClass() throws(RegexError) -> ScalarSet? {
        guard let letter = peek(1) else { return nil }
        if let set = Self.perl[letter] {
            place += 2
            return set
        }
        if let lower = Unicode.Scalar(letter.value | 32), letter.isASCII, ASCII.isUpper(UInt8(letter.value)),
            let set = Self.perl[lower]
        {
            place += 2
            return set.inverted
        }
        guard letter == "p" || letter == "P", peek(2) != nil else { return nil }
        let start = place
        var isNegated = letter == "P"
        var name: ArraySlice<Unicode.Scalar>
        if peek(2) == "{" {
            guard let end = text[place...].firstIndex(of: "}") else { throw error(.invalidClassRange, start) }
            name = text[(place + 3)..<end]
            place = end + 1
        } else {
            name = text[(place + 2)..<(place + 3)]
            place += 3
        }
        if name.first == "^" {
            isNegated.toggle()
            name = name.dropFirst()
        }
        guard var set = UnicodeClasses.named(String(String.UnicodeScalarView(name))) else {
            throw error(.invalidClassRange, start, place)
        }
        if flags.foldsCase { set = set.folded }
        return isNegated ? set.inverted : set
    }

    /// One scalar after a backslash.
    mutating func escape() throws(RegexError) -> UInt32 {
        let start = place
        place += 1
        guard let scalar = peek() else { throw RegexError(code: .trailingBackslash, expression: "") }
        place += 1
        switch scalar {
        case "a": return 7
        case "f": return 12
        case "n": return 10
        case "r": return 13
        case "t": return 9
        case "v": return 11
        case "x":
            if let value = hexadecimal() { return value }
        case "0"..."7":
            guard scalar == "0" || octal(peek()) != nil else { break }
            var value = scalar.value - 48
            for _ in 0..<2 {
                guard let digit = octal(peek()) else { break }
                value = value * 8 + digit
                place += 1
            }
            return value
        default:
            if scalar.isASCII, !ASCII.isAlphanumeric(UInt8(scalar.value)) { return scalar.value }
        }
        throw error(.invalidEscape, start, place)
    }

    private func octal(_ scalar: Unicode.Scalar?) -> UInt32? {
        scalar.flatMap { $0.value >= 48 && $0.value < 56 ? $0.value - 48 : nil }
    }

    private mutating func hexDigit() -> UInt32? {
        guard let scalar = peek() else { return nil }
        place += 1
        return scalar.isASCII ? ASCII.hexValue(UInt8(scalar.value)).map(UInt32.init) : nil
    }

    private mutating func hexadecimal() -> UInt32? {
        guard take("{") else {
            guard let high = hexDigit(), let low = hexDigit() else { return nil }
            return high << 4 | low
        }
        var value: UInt32 = 0
        var count = 0
        while !take("}") {
            guard let digit = hexDigit() else { return nil }
            value = value << 4 | digit
            count += 1
            if value > ScalarSet.last { return nil }
        }
        return count > 0 ? value : nil
    }

    private static let digit: [ClosedRange<UInt32>] = [48...57]
    private static let letter: [ClosedRange<UInt32>] = [65...90, 97...122]

    private static let perl: [Unicode.Scalar: ScalarSet] = [
        "d": ScalarSet(digit), "s": ScalarSet([9...10, 12...13, 32...32]), "w": ScalarSet(digit + letter + [95...95]),
    ]

    private static let posix: [String: ScalarSet] = [
        "alnum": ScalarSet(digit + letter), "alpha": ScalarSet(letter), "ascii": ScalarSet([0...127]),
        "blank": ScalarSet([9...9, 32...32]), "cntrl": ScalarSet([0...31, 127...127]), "digit": ScalarSet(digit),
        "graph": ScalarSet([33...126]), "lower": ScalarSet([97...122]), "print": ScalarSet([32...126]),
        "punct": ScalarSet([33...47, 58...64, 91...96, 123...126]), "space": ScalarSet([9...13, 32...32]),
        "upper": ScalarSet([65...90]), "word": ScalarSet(digit + letter + [95...95]),
        "xdigit": ScalarSet(digit + [65...70, 97...102]),
    ]
}
