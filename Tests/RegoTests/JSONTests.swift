import Testing

@testable import Rego

/// JSON in and out.
struct JSONTests {
    private func parse(_ text: String, depth: Int = 512) throws(RegoError) -> Value {
        try JSONReader.parse(Array(text.utf8), limits: JSONLimits(depth: depth))
    }

    private func print(_ text: String, pretty: Bool = false) throws -> String {
        String(decoding: try parse(text).json(pretty: pretty), as: UTF8.self)
    }

    @Test(arguments: [
        ("{\"b\":1,\"a\":[true,null,\"x\"],\"b\":2}", "{\"a\":[true,null,\"x\"],\"b\":2}"),
        (" [ ] ", "[]"), ("{ }", "{}"), ("1.50", "1.50"), ("-0", "-0"), ("1e1000", "1e1000"),
        ("\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\"é😀\\n/\""), ("\"\\ud800x\"", "\"\u{FFFD}x\""),
        ("\"<a>&\u{2028}\"", "\"\\u003ca\\u003e\\u0026\\u2028\""), ("\"\\u0001\\b\\f\"", "\"\\u0001\\b\\f\""),
        ("{\"é\":1,\"\\u0061\":2,\"z\":3}", "{\"a\":2,\"z\":3,\"é\":1}"),
    ])
    func `a document is read and written`(text: String, expected: String) throws {
        #expect(try print(text) == expected)
    }

    @Test func `members are sorted however many there are`() throws {
        for count in [1, 5, 23, 24, 25, 26, 200] {
            let keys = (0..<count).map { "k\($0)" }.shuffled()
            let text = "{" + (keys + keys).enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}"
            guard case .object(let object) = try parse(text) else { throw RegoError("test", "no object") }
            #expect(object.keys == object.keys.sorted() && object.count == count)
            for (index, key) in keys.enumerated() { #expect(object[key] == .int(count + index)) }
        }
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{1:2}", "\"", "\"\\", "\"\\u12",
        "\"\\x\"",
        "\"\n\"", "tru", "nul", "01", "1.", "--1", "[1]]", "1 2", "'a'", "\u{FEFF}1", "1e999999",
    ])
    func `what is no document is refused`(text: String) {
        #expect(throws: RegoError.self) { try parse(text) }
    }

    @Test func `depth and size are bounded`() throws {
        #expect(throws: RegoError.self) { try parse(String(repeating: "[", count: 100_000)) }
        #expect(throws: RegoError.self) { try parse("[[1]]", depth: 1) }
        #expect(try print("[[1]]") == "[[1]]")
        #expect(throws: RegoError.self) { try JSONReader.parse(Array("[1,2]".utf8), limits: JSONLimits(bytes: 4)) }
    }

    @Test func `sets become arrays and other keys their text`() {
        let value = Value.object(
            ObjectValue([
                (.int(1), .set(SetValue([.int(3), .int(2)]))), (.string("0"), .null), (.array([]), .bool(true)),
            ]))
        #expect(String(decoding: value.json(), as: UTF8.self) == "{\"0\":null,\"1\":[2,3],\"[]\":true}")
    }

    @Test func `pretty is two spaces a level`() throws {
        #expect(
            try print("{\"a\":[1,{}],\"b\":[]}", pretty: true) == "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}")
    }
}
