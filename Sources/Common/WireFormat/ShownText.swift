/// Text from outside as an error, a line of a log or a terminal may show it.
///
/// Characters that a terminal or a reader obeys instead of showing (controls, separators of lines and paragraphs, what is
/// invisible or turns the direction of writing) become escapes such as `\n` and `\u{1b}`. Lengths are bytes: one letter with a
/// million combining marks is one `Character`.
public enum ShownText {
    /// The whole text, on one line.
    public static func line(_ text: some StringProtocol) -> String { escaped(text, keeping: []) }

    /// The whole text; its line ends and tabs stay.
    public static func lines(_ text: some StringProtocol) -> String { escaped(text, keeping: ["\n", "\t"]) }

    /// As much of `text`, on one line, as has at most `limit` bytes of UTF-8 with its escapes, at the end of a scalar;
    /// what was cut ends with `…`.
    public static func cut(_ text: some StringProtocol, bytes limit: Int) -> String {
        cut(text, bytes: limit, keeping: [])
    }

    /// As much of `text` as ``cut(_:bytes:)`` shows; its line ends and tabs stay.
    public static func cutLines(_ text: some StringProtocol, bytes limit: Int) -> String {
        cut(text, bytes: limit, keeping: ["\n", "\t"])
    }

    private static func cut(
        _ text: some StringProtocol, bytes limit: Int, keeping unchanged: Set<Unicode.Scalar>
    ) -> String {
        if text.utf8.count <= limit, isPlain(text) { return String(text) }
        let mark = "…"
        var shown = ""
        var size = 0
        // What is kept when the text turns out to be too long.
        var kept = 0
        for scalar in text.unicodeScalars {
            let part = isShown(scalar) || unchanged.contains(scalar) ? String(scalar) : escape(scalar)
            guard size + part.utf8.count <= limit else {
                return String(decoding: Array(shown.utf8.prefix(kept)), as: UTF8.self) + mark
            }
            shown.unicodeScalars.append(contentsOf: part.unicodeScalars)
            size += part.utf8.count
            if size + mark.utf8.count <= limit { kept = size }
        }
        return shown
    }

    /// JSON for a terminal: what stands in its texts and is not shown becomes an escape of JSON's own, so that it is the
    /// same document.
    public static func json(_ document: some StringProtocol) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in document.unicodeScalars {
            if isShown(scalar) || scalar == "\n" {
                shown.append(scalar)
            } else {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    let padding = String(repeating: "0", count: 4 - digits.count)
                    shown.append(contentsOf: "\\u\(padding)\(digits)".unicodeScalars)
                }
            }
        }
        return String(shown)
    }

    /// Whether nothing but printable ASCII is there, which is most of all texts.
    private static func isPlain(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { 0x20 <= $0 && $0 < 0x7F }
    }

    private static func escaped(_ text: some StringProtocol, keeping kept: Set<Unicode.Scalar>) -> String {
        if isPlain(text) { return String(text) }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isShown(scalar) || kept.contains(scalar) {
                shown.append(scalar)
            } else {
                shown.append(contentsOf: escape(scalar).unicodeScalars)
            }
        }
        return String(shown)
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
