/// Text from outside as an error or a line of a log may quote it.
///
/// Lengths are bytes: one letter with a million combining marks is one `Character`.
public enum ShownText {
    /// As much of `text` as has at most `limit` bytes of UTF-8, at the end of a scalar; what was cut ends with `…`.
    ///
    /// Characters that a terminal or a reader obeys instead of showing (controls, separators of lines and paragraphs,
    /// what is invisible or turns the direction of writing) become escapes such as `\u{1b}` before they are counted.
    public static func cut(_ text: some StringProtocol, bytes limit: Int) -> String {
        let mark = "…"
        var shown = ""
        var size = 0
        // What is kept when the text turns out to be too long.
        var kept = 0
        for scalar in text.unicodeScalars {
            let part = isShown(scalar) ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
            guard size + part.utf8.count <= limit else {
                return String(decoding: Array(shown.utf8.prefix(kept)), as: UTF8.self) + mark
            }
            shown.unicodeScalars.append(contentsOf: part.unicodeScalars)
            size += part.utf8.count
            if size + mark.utf8.count <= limit { kept = size }
        }
        return shown
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
