import Testing
import WireFormat

@Suite("Parsing JSON")
struct JSONParsingTests {
    static let document = Array(#"{"a":[1,-2.5e3,true,null,"\u00e9\ud83d\ude00\n"],"b":{"c":{}}}"#.utf8)

    @Test("a document is read whole")
    func whole() throws {
        let value = try JSONValue.parse(Self.document)
        #expect(value["a"]?[0] == 1)
        #expect(value["a"]?[1] == .number(-2500))
        #expect(value["a"]?[2]?.boolValue == true)
        #expect(value["a"]?[3] == .null)
        #expect(value["a"]?[4]?.stringValue == "é😀\n")
        #expect(value["b"]?["c"] == [:])
        #expect(value["x"] == nil)
        #expect(value["a"]?[5] == nil)
    }

    @Test("every proper prefix is refused", arguments: 0..<document.count)
    func prefix(length: Int) {
        #expect(throws: WireError.self) { try JSONValue.parse(Self.document.prefix(length)) }
    }

    @Test("a list of bytes is read like any other list, whatever stands among them")
    func bytes() throws {
        let value = try JSONValue.parse(
            text: "[0,7, 42 ,255 , 256,999,1000,-1,1.5,2e1,\n12,null,[3,4],100000000000000000000,9]")
        let expected: [JSONValue] = [
            0, 7, 42, 255, 256, 999, 1000, -1, 1.5, .number(20), 12, nil, [3, 4], .number(1e20),
            9,
        ]
        #expect(value == .array(expected))
        for count in [0, 1, 2, 5000] {
            let numbers = (0..<count).map { $0 % 1001 }
            let text = "[" + numbers.map { "\($0)" }.joined(separator: ",") + "]"
            #expect(try JSONValue.parse(text: text) == .array(numbers.map { .integer(Int64($0)) }))
        }
        for text in ["[1,2,]", "[1,02,3]", "[1,2", "[1,2,", "[1,,2]", "[12,3x,4]", "[1,2}", "[00,1]"] {
            #expect(throws: WireError.self, "\(text)") { try JSONValue.parse(text: text) }
        }
    }

    @Test(
        "what RFC 8259 does not allow is refused",
        arguments: [
            "", " ", "01", "+1", "1.", ".5", "1e", "-", "0x1", "NaN", "Infinity", "1e999", "'a'", "[1,]", "[,1]",
            "{\"a\":1,}",
            "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[1 2]", "tru", "nulll", "\"\u{1}\"", "\"a\nb\"", #""\x""#,
            #""\u12""#,
            #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\ud800\ud800""#, "1 2", "{} []", "// a\n1", "\u{FEFF}1",
            "[1}",
        ])
    func invalid(text: String) {
        #expect(throws: WireError.self) { try JSONValue.parse(text: text) }
    }

    @Test(
        "invalid UTF-8 is refused",
        arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3]])
    func encoding(bytes: [UInt8]) {
        #expect(throws: WireError.self) { try JSONValue.parse([0x22] + bytes + [0x22]) }
    }

    @Test("a duplicate member is refused, also in another spelling")
    func duplicates() {
        for text in [#"{"a":1,"a":1}"#, #"{"a":1,"\u0061":2}"#, #"[{"x":{"k":0,"k":0}}]"#] {
            #expect(throws: WireError.self) { try JSONValue.parse(text: text) }
        }
    }

    @Test("depth and size are limited exactly")
    func limits() throws {
        let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        _ = try JSONValue.parse(text: nested(64))
        #expect(throws: WireError.self) { try JSONValue.parse(text: nested(65)) }
        #expect(throws: WireError.self) { try JSONValue.parse(text: String(repeating: "[", count: 100_000)) }
        _ = try JSONValue.parse(text: "1234", limits: JSONLimits(size: 4))
        #expect(throws: WireError.self) { try JSONValue.parse(text: "12345", limits: JSONLimits(size: 4)) }
        // Closed levels do not count.
        _ = try JSONValue.parse(text: "[[],[],[]]", limits: JSONLimits(depth: 2))
    }

    @Test("integers stay exact up to 64 bits")
    func integers() throws {
        #expect(try JSONValue.parse(text: "9223372036854775807").integerValue == .max)
        #expect(try JSONValue.parse(text: "-9223372036854775808").integerValue == .min)
        #expect(try JSONValue.parse(text: "9223372036854775808").integerValue == nil)
        #expect(try JSONValue.parse(text: "9223372036854775808").numberValue == 0x1p63)
        #expect(try JSONValue.parse(text: "1.0").integerValue == nil)
    }

    @Test("fields are taken once and unknown ones refused")
    func fields() throws {
        var fields = try JSONFields(["name": "x", "count": 3, "flag": nil, "list": ["a", "b"]], path: "pod")
        #expect(try fields.string("name") == "x")
        #expect(throws: WireError(field: "pod.name", reason: "is missing")) { try fields.string("name") }
        #expect(try fields.integer("count", in: 0...3) == 3)
        #expect(try fields.bool("flag", default: true))
        #expect(throws: WireError(field: "pod.list", reason: "is an unknown field")) { try fields.finish() }
        #expect(try fields.strings("list") == ["a", "b"])
        try fields.finish()
        #expect(throws: WireError(field: "pod", reason: "must be an object")) { try JSONFields([1], path: "pod") }
        #expect(throws: WireError(field: "document", reason: "must be an object")) { try JSONFields([1], path: "") }
        // What a fuzzer found: a member without a name, and a name as long as the document.
        let nameless = try JSONFields(["": 1], path: "")
        #expect(throws: WireError(field: "\"\"", reason: "is an unknown field")) { try nameless.finish() }
        let name = String(repeating: "n", count: 5_000)
        let long = #expect(throws: WireError.self) { try JSONValue.parse(text: "{\"\(name)\":1,\"\(name)\":2}") }
        #expect((long?.description.utf8.count ?? .max) < 200)
        var wrong = try JSONFields(["a": 1, "b": [1], "c": "1", "d": 7], path: "")
        #expect(throws: WireError(field: "a", reason: "must be a text")) { try wrong.string("a") }
        #expect(throws: WireError(field: "b[0]", reason: "must be a text")) { try wrong.strings("b") }
        #expect(throws: WireError(field: "c", reason: "must be an integer")) { try wrong.integer("c") }
        #expect(throws: WireError(field: "d", reason: "must be between 0 and 6")) { try wrong.integer("d", in: 0...6) }
    }
}
