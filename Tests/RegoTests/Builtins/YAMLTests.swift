import Testing

@testable import Rego

/// `yaml.*`.
struct YAMLTests {
    static let documents: [(String, String)] = [
        ("foo:\n   - qux: bar\n   - baz: 2", #"{"foo": [{"qux": "bar"}, {"baz": 2}]}"#),
        ("{\"json\": \"ok\"}", #"{"json": "ok"}"#), ("", "null"), ("# only a comment\n", "null"),
        ("a: 1 # one\nb: [x, 'it''s', \"\\u00e9\\n\"]\n", #"{"a": 1, "b": ["x", "it's", "é\n"]}"#),
        ("a:\n- 1\n- - 2\n  - 3\n-\n", #"{"a": [1, [2, 3], null]}"#), ("yes: no\n1: ~", #"{"1": null, "true": false}"#),
        ("a: |\n  x\n   y\n\n  z\nb: >-\n  one\n  two\n\n  three\n", #"{"a": "x\n y\n\nz\n", "b": "one two\nthree"}"#),
        ("a: one\n  two\nb: http://x:80/#y", #"{"a": "one two", "b": "http://x:80/#y"}"#),
        ("---\n{a: [1, 2,\n  3], b: {c}}\n...\n", #"{"a": [1, 2, 3], "b": {"c": null}}"#),
        ("- 0x1f\n- 010\n- 1_000\n- 1.5e3\n- 1.2.3\n- -.5", #"[31, 8, 1000, 1.5e3, "1.2.3", -0.5]"#),
        ("\"a b\" : \"x\n  y\"", #"{"a b": "x y"}"#),
        ("a:\n  b:\n    c: d\n  e: f", #"{"a": {"b": {"c": "d"}, "e": "f"}}"#),
        (
            "title: x\nauthors:\n- A <a@b>\ncustom:\n  k: 1\n",
            #"{"authors": ["A <a@b>"], "custom": {"k": 1}, "title": "x"}"#
        ),
        ("[1,2,3", "builtin: yaml: line 1: did not find expected ',' or ']'"),
        ("foo:\n   - qux: bar\n   - baz: {", "builtin: yaml: line 3: did not find expected ',' or '}'"),
        ("a: b: c", "builtin: yaml: line 1: mapping values are not allowed in this context"),
        ("a: &x 1\nb: *x\n", #"{"a": 1, "b": 1}"#),
        ("a: &x {k: 1}\nb: [*x, *x]", #"{"a": {"k": 1}, "b": [{"k": 1}, {"k": 1}]}"#),
        (
            "base: &b\n  k: 1\n  z: 0\nc:\n  <<: *b\n  z: 2\nd: {<<: *b, w: 3}",
            #"{"base": {"k": 1, "z": 0}, "c": {"k": 1, "z": 2}, "d": {"k": 1, "w": 3, "z": 0}}"#
        ),
        ("- &a {x: 1}\n- &b {w: 3, x: 2}\n- <<: [*a, *b]", #"[{"x": 1}, {"w": 3, "x": 2}, {"w": 3, "x": 1}]"#),
        ("- &x\n  k: v\n- *x # again", #"[{"k": "v"}, {"k": "v"}]"#), ("&d\na: 1", #"{"a": 1}"#),
        (
            "- !!str 1\n- !!int \"3\"\n- !x y\n- !!binary aGk=\n- [!!str 0x1, &n 2, *n]",
            #"["1", 3, "y", "hi", ["0x1", 2, 2]]"#
        ),
        ("a: !!map\n  b: !!seq\n  - 1", #"{"a": {"b": [1]}}"#),
        ("a: *x", "builtin: yaml: unknown anchor 'x' referenced"),
        ("<<: 1", "builtin: yaml: line 2: map merge requires map or sequence of maps as the value"),
        ("\"<<\": 1", #"{"<<": 1}"#), ("--- 1\n--- 2\n", "1"), ("a: .inf", "builtin: json: unsupported value: +Inf"),
        ("a: 1\n  b: 2", "builtin: yaml: line 2: mapping values are not allowed in this context"),
        ("a: \"x", "builtin: yaml: line 1: found unexpected end of stream"),
        ("a\nb: c", "builtin: yaml: line 2: mapping values are not allowed in this context"),
    ]

    @Test(arguments: documents)
    func read(_ text: String, _ answer: String) { #expect(call("yaml.unmarshal", [.string(text)]) == answer) }

    static let values: [(String, String)] = [
        (
            #"[{"b": [1, {"x": "y", "z": []}], "a": {"c": "true"}}]"#,
            "a:\n  c: \"true\"\nb:\n- 1\n- x: \"y\"\n  z: []\n"
        ),
        (#"[[[1, 2], {}, "a: b", "x\ny", null]]"#, "- - 1\n  - 2\n- {}\n- 'a: b'\n- |-\n  x\n  y\n- null\n"),
        (#"["x"]"#, "x\n"),
        (
            #"[["2020-01-01", "2020-1-1T10:11:12Z", "12:30:45", "1:5", "10:99", "2020-01", "a:b"]]"#,
            "- \"2020-01-01\"\n- \"2020-1-1T10:11:12Z\"\n- \"12:30:45\"\n- \"1:5\"\n- 10:99\n- 2020-01\n- a:b\n"
        ),
    ]

    @Test(arguments: values)
    func write(_ arguments: String, _ answer: String) {
        #expect(call("yaml.marshal", arguments) == GoQuote.quote(answer))
    }

    /// Deep and long documents end.
    @Test func hostile() {
        #expect(call("yaml.is_valid", [.string(String(repeating: "[", count: 100_000))]) == "false")
        #expect(call("yaml.is_valid", [.string(String(repeating: "- ", count: 100_000))]) == "false")
        #expect(call("yaml.is_valid", [.string(String(repeating: "a\n", count: 100_000))]) == "true")
        #expect(call("yaml.is_valid", [.string("\"" + String(repeating: "'\n", count: 20_000))]) == "false")
        #expect(call("yaml.is_valid", "[1]") == "false")
        let laughs = (1...30).map {
            "l\($0): &l\($0) [\(Array(repeating: "*l\($0 - 1)", count: 9).joined(separator: ", "))]"
        }
        let text = "l0: &l0 ha\n" + laughs.joined(separator: "\n")
        #expect(call("yaml.unmarshal", [.string(text)]) == "builtin: yaml: document contains excessive aliasing")
    }
}
