import Testing
import WireFormat

@Suite("Text from outside, shown")
struct ShownTextTests {
    @Test func `what a terminal obeys becomes an escape`() {
        let hostile = "a\u{1b}[2J\r\n\tb\u{202e}c\u{2028}d\u{200b}é"
        #expect(ShownText.line(hostile) == #"a\u{1b}[2J\r\n\tb\u{202e}c\u{2028}d\u{200b}é"#)
        #expect(ShownText.lines(hostile) == "a\\u{1b}[2J\\r\n\tb\\u{202e}c\\u{2028}d\\u{200b}é")
    }

    @Test func `JSON stays the same document`() throws {
        let value: JSONValue = .object(["a\u{9b}": "b\u{202e}\u{e0001}\u{7f}é\n"])
        let shown = ShownText.json(value.prettyText)
        #expect(shown.contains(#"a\u009b"#) && shown.contains(#"b\u202e\udb40\udc01\u007fé\n"#))
        #expect(try JSONValue.parse(text: shown) == value)
    }

    @Test func `a cut counts bytes, escapes included`() {
        #expect(ShownText.cut("abcdef", bytes: 6) == "abcdef")
        #expect(ShownText.cut("abcdefg", bytes: 6) == "abc…")
        #expect(ShownText.cut("\u{1b}\u{1b}", bytes: 9) == #"\u{1b}…"#)
        let marks = "e" + String(repeating: "\u{301}", count: 1_000)
        #expect(ShownText.cut(marks, bytes: 64).utf8.count <= 64)
    }
}
