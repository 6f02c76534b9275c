import TestSupport
import Testing

@testable import Rego

@Suite("Rego: JSON Schema")
struct JSONSchemaTests {
    @Test(.enabled(if: Vectors.available)) func `answers as the vectors do`() throws {
        for known in try LibraryCase.family("json_verify_schema") {
            guard let schema = known.constant("schema"), case .array(let rows) = known.wanted,
                case .object(let row) = rows.first, let wanted = row["x"]
            else { continue }
            #expect(library("json.verify_schema", schema) == String(decoding: wanted.json(), as: UTF8.self))
        }
    }

    static let cases: [(schema: String, document: String, types: [String])] = [
        (#"{"type": "object", "required": ["a"]}"#, #"{"b": 1}"#, ["required"]),
        (#"{"type": ["string", "null"]}"#, "[1]", ["invalid_type"]),
        (#"{"properties": {"a": {"type": "integer"}}}"#, #"{"a": 1.0}"#, []),
        (#"{"properties": {"a": {"type": "integer"}}}"#, #"{"a": 1.5}"#, ["invalid_type"]),
        (#"{"items": {"minimum": 3, "exclusiveMaximum": 5}}"#, "[3, 4, 5, 2]", ["number_lt", "number_gte"]),
        (#"{"properties": {"a": {"multipleOf": 0.1}}}"#, #"{"a": 0.3}"#, []),
        (
            #"{"additionalProperties": false, "patternProperties": {"^x": {}}}"#, #"{"x1": 1, "y": 2}"#,
            ["additional_property_not_allowed"]
        ),
        (#"{"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}"#, "{}", ["number_any_of", "required"]),
        (#"{"oneOf": [{}, {"required": ["b"]}]}"#, #"{"b": 1}"#, ["number_one_of"]),
        (#"{"not": {"required": ["a"]}}"#, #"{"a": 1}"#, ["number_not"]),
        (#"{"if": {"required": ["a"]}, "then": {"required": ["b"]}}"#, #"{"a": 1}"#, ["condition_then", "required"]),
        (#"{"properties": {"a": {"enum": [1, "x"]}}}"#, #"{"a": 2}"#, ["enum"]),
        (#"{"properties": {"a": {"const": {"b": [1.0]}}}}"#, #"{"a": {"b": [1]}}"#, []),
        (
            #"{"items": {"type": "string", "minLength": 2, "pattern": "^a+$"}}"#, #"["aa", "b"]"#,
            ["string_gte", "pattern"]
        ),
        (#"{"uniqueItems": true, "maxItems": 1}"#, "[1, 1.0]", ["array_max_items", "unique"]),
        (#"{"contains": {"type": "null"}}"#, "[1]", ["contains", "invalid_type"]),
        (#"{"items": {"format": "date-time"}}"#, #"["2024-02-29T01:02:03.5Z", "2023-02-29"]"#, ["format"]),
        (
            #"{"items": {"format": "ipv6"}}"#, #"["::1", "1::2::3", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", ":1"]"#,
            ["format", "format"]
        ),
        (
            ##"{"definitions": {"t": {"properties": {"next": {"$ref": "#/definitions/t"}, "v": {"type": "null"}}}}, "$ref": "#/definitions/t"}"##,
            #"{"next": {"next": {"v": 1}}}"#, ["invalid_type"]
        ),
        (#"{"dependencies": {"a": ["b"]}}"#, #"{"a": 1}"#, ["missing_dependency"]),
        (#"{"properties": {"a": false}}"#, #"{"a": 1}"#, ["false"]),
    ]

    @Test(arguments: cases.indices) func `checks documents`(_ index: Int) {
        let known = Self.cases[index]
        let answer = json(library("json.match_schema", json(known.document), json(known.schema)))
        guard case .array(let parts) = answer, parts.count == 2, case .array(let problems) = parts[1] else {
            Issue.record("\(known.schema): \(answer)")
            return
        }
        let types = problems.compactMap { problem -> String? in
            if case .object(let fields) = problem, case .string(let type) = fields["type"] { type.string } else { nil }
        }
        #expect(types == known.types, "\(known.schema)")
        #expect(parts[0] == .bool(known.types.isEmpty))
    }

    @Test func `names the place`() {
        let answer = library(
            "json.match_schema", json(#"{"a": [{"b": "x"}]}"#),
            json(#"{"properties": {"a": {"items": {"properties": {"b": {"type": "number"}}}}}}"#))
        #expect(
            answer
                == #"[false,[{"desc":"Invalid type. Expected: number, given: string","error":"a.0.b: Invalid type. Expected: number, given: string","field":"a.0.b","type":"invalid_type"}]]"#
        )
    }

    static let malformed = [
        #"{"type": 1}"#, #"{"required": "a"}"#, #"{"minLength": -1}"#, #"{"minLength": 2, "maxLength": 1}"#,
        #"{"pattern": "("}"#, ##"{"$ref": "#/nowhere"}"##, #"{"$ref": "http://127.0.0.1/x"}"#, #"{"items": 3}"#, "[]",
        "3",
        #"{"enum": [1, 1.0]}"#, #"{"multipleOf": 0}"#, "{",
    ]

    @Test(arguments: malformed) func `refuses what is no schema`(_ schema: String) {
        #expect(library("json.verify_schema", .string(schema)).hasPrefix("[false,\"jsonschema: "))
    }

    @Test func `ends on schemas that go round and documents without end`() {
        let round = json(##"{"$ref": "#"}"##)
        #expect(library("json.match_schema", json("{}"), round).hasPrefix("builtin: "))
        let both = json(##"{"allOf": [{"$ref": "#"}, {"$ref": "#"}]}"##)
        #expect(library("json.match_schema", json("{}"), both).hasPrefix("builtin: "))
        let deep = (0..<1_000).reduce(json("{}")) { inner, _ in .object(ObjectValue([(.string("not"), inner)])) }
        #expect(library("json.verify_schema", deep).hasPrefix("[false,"))
    }
}
