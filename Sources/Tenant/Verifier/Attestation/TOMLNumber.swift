import WireFormat

/// The numbers of TOML 1.0: each has one reading, and what other languages would let pass is none.
enum TOMLNumber {
    /// The number that a word is; nil for another word, and for an integer that 64 bits do not hold.
    static func value(_ word: String) -> JSONValue? {
        let bytes = Array(word.utf8)
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where bytes.starts(with: prefix.utf8) {
            let digits = bytes.dropFirst(2)
            guard run(digits, radix) == digits.endIndex else { return nil }
            return Int64(plain(digits), radix: radix).map { .integer($0) }
        }
        var rest = bytes[...]
        if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { rest = rest.dropFirst() }
        guard let whole = run(rest, 10), rest.first != UInt8(ascii: "0") || whole == rest.startIndex + 1 else {
            return nil
        }
        rest = rest[whole...]
        if rest.isEmpty { return Int64(plain(bytes[...])).map { .integer($0) } }
        if rest.first == UInt8(ascii: ".") {
            guard let end = run(rest.dropFirst(), 10) else { return nil }
            rest = rest[end...]
        }
        if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard let end = run(rest, 10) else { return nil }
            rest = rest[end...]
        }
        guard rest.isEmpty, let number = Double(plain(bytes[...])), number.isFinite else { return nil }
        return .number(number)
    }

    /// Where the digits at the front end; underscores stand between two digits only. Nil where there is no digit.
    private static func run(_ bytes: ArraySlice<UInt8>, _ radix: Int) -> Int? {
        var end = bytes.startIndex
        var isDigitWanted = true
        while end < bytes.endIndex {
            let byte = bytes[end]
            if byte == UInt8(ascii: "_"), !isDigitWanted {
                isDigitWanted = true
            } else if Character(UnicodeScalar(byte)).hexDigitValue.map({ $0 < radix }) ?? false {
                isDigitWanted = false
            } else {
                break
            }
            end += 1
        }
        return isDigitWanted ? nil : end
    }

    private static func plain(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.lazy.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
    }
}
