import Testing
import WireFormat

@Suite("Text from outside, shown")
struct ShownTextTests {
    @Test func `what a terminal obeys becomes an escape`() {
        let hostile = "a\u{1b}[2J\r\n\tb\u{202e}c\u{2028}d\u{200b}é"
        #expect(ShownText.line(hostile) == #"a\u{1b}[2J\r\n\tb\u{202e}c\u{2028}d\u{200b}é"#)
        #expect(ShownText.lines(hostile) == "a\\u{1b}[2J\\r\n\tb\\u{202e}c\\u{2028}d\\u{200b}é")
    }

    @Test func `a cut counts bytes, escapes included`() {
        #expect(ShownText.cut("abcdef", bytes: 6) == "abcdef")
        #expect(ShownText.cut("abcdefg", bytes: 6) == "abc…")
        #expect(ShownText.cut("\u{1b}\u{1b}", bytes: 9) == #"\u{1b}…"#)
        let marks = "e" + String(repeating: "\u{301}", count: 1_000)
        #expect(ShownText.cut(marks, bytes: 64).utf8.count <= 64)
    }
}
