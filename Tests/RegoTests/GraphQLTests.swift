import TestSupport
import Testing

@testable import Rego

@Suite("Rego: GraphQL")
struct GraphQLTests {
    @Test(.enabled(if: Vectors.available)) func `trees of schemas are OPA's`() throws {
        var count = 0
        for known in try LibraryCase.family("graphql_parse_schema") {
            guard let text = known.constant("gql") else { continue }
            let answer = library("graphql.parse_schema", text)
            if let tree = known.constant("ast") {
                #expect(answer == String(decoding: tree.json(), as: UTF8.self), "\(known.note)")
                count += 1
            } else if !known.error.isEmpty {
                #expect("graphql.parse_schema: " + answer.dropFirst(9) == known.error, "\(known.note)")
                count += 1
            }
        }
        #expect(count >= 40)
    }

    @Test(.enabled(if: Vectors.available)) func `schemas are valid as OPA finds them`() throws {
        for known in try LibraryCase.family("graphql_schema_is_valid") where !known.module.contains("parse_schema") {
            guard let text = known.constant("schema") else { continue }
            let wanted = known.wanted == json(#"[{"x": true}]"#)
            #expect(library("graphql.schema_is_valid", text) == "\(wanted)", "\(known.note)")
        }
    }

    private static let schema = Value.string(
        """
        type Query { hero(id: ID!, kind: Kind = JEDI): Hero search(like: Filter): [Found] }
        type Mutation { save(name: String!): Hero }
        interface Named { name: String! }
        type Hero implements Named { name: String! friends(first: Int): [Hero] }
        type Ship implements Named { name: String! length: Float }
        union Found = Hero | Ship
        enum Kind { JEDI SITH }
        input Filter { text: String! limit: Int = 10 kinds: [Kind!] }
        """)

    static let valid = [
        "{ hero(id: 1) { name } }",
        "query Q($id: ID!) { hero(id: $id, kind: SITH) { ...F } } fragment F on Hero { name }",
        #"{ search(like: {text: "a", kinds: [JEDI]}) { __typename ... on Ship { length } ... on Named { name } } }"#,
        #"mutation { save(name: "x") { friends(first: 3) { name } } }"#, "{ __schema { types { name } } }",
        "{ a: hero(id: 1) { name } b: hero(id: 2) { name } }",
        "query($f: Boolean!) { hero(id: 1) { name @include(if: $f) } }",
    ]

    @Test(arguments: valid) func `takes what is valid`(_ query: String) {
        #expect(library("graphql.is_valid", .string(query), Self.schema) == "true")
    }

    static let invalid = [
        ("{ hero { name } }", #"Field "hero" argument "id" of type "ID!" is required, but it was not provided"#),
        ("{ hero(id: 1) { nam } }", #"Cannot query field "nam" on type "Hero". Did you mean "name"?"#),
        (
            "{ hero(id: 1) }",
            #"Field "hero" of type "Hero" must have a selection of subfields. Did you mean "hero { ... }"?"#
        ),
        ("{ hero(id: 1, kind: EWOK) { name } }", #"Value "EWOK" does not exist in "Kind" enum"#),
        ("{ hero(id: 1.5) { name } }", "ID cannot represent a non-string and non-integer value: 1.5"),
        ("{ hero(id: 1, age: 3) { name } }", #"Unknown argument "age" on field "Query.hero""#),
        ("{ hero(id: 1) { name @nope } }", #"Unknown directive "@nope""#),
        ("{ hero(id: $x) { name } }", #"Variable "$x" is not defined"#),
        (
            "query($x: ID) { hero(id: $x) { name } }",
            #"Variable "$x" of type "ID" used in position expecting type "ID!""#
        ),
        ("query($x: Int) { hero(id: 1) { name } }", #"Variable "$x" is never used"#),
        (
            "{ hero(id: 1) { ...F } } fragment F on Hero { friends { ...F } }",
            #"Cannot spread fragment "F" within itself"#
        ),
        ("{ hero(id: 1) { name } } fragment F on Hero { name }", #"Fragment "F" is never used"#),
        ("{ hero(id: 1) { ... on Ship { length } } }", "can never be of type \"Ship\""),
        ("{ hero(id: 1) { x: name x: friends { name } } }", #""name" and "friends" are different fields"#),
        ("{ hero(id: 1) { name } hero(id: 2) { name } }", "they have differing arguments"),
        (
            "{ search(like: {limit: 3}) { __typename } }",
            #"Field "Filter.text" of required type "String!" was not provided"#
        ),
        ("{ search(like: {text: \"a\", text: \"b\"}) { __typename } }", "There can be only one input field named"),
        ("subscription { hero }", "Schema does not support operation type"),
        ("{ hero(id: 1) { name } } query Q { hero(id: 2) { name } }", "This anonymous operation must be the only"),
    ]

    @Test(arguments: invalid) func `tells what is not`(_ query: String, _ why: String) {
        let answer = library("graphql.parse", .string(query), Self.schema)
        #expect(answer.hasPrefix("builtin: ") && answer.contains(why), "\(answer)")
        #expect(library("graphql.is_valid", .string(query), Self.schema) == "false")
    }

    @Test func `bounds what nests and what multiplies`() {
        let deep = String(repeating: "{a", count: 10_000)
        #expect(library("graphql.is_valid", .string(deep), Self.schema) == "false")
        let lists = "type Query { a: " + String(repeating: "[", count: 10_000)
        #expect(library("graphql.schema_is_valid", .string(lists)) == "false")
        let chain = (0..<2_000).map { "fragment F\($0) on Hero { friends { ...F\($0 + 1) } }" }.joined(separator: "\n")
        #expect(library("graphql.is_valid", .string("{ hero(id: 1) { ...F0 } } \(chain)"), Self.schema) == "false")
        // Every level is spread twice under two names: twice the comparisons each.
        let wide = (0..<60).map {
            "fragment G\($0) on Hero { a: friends { ...G\($0 + 1) } b: friends { ...G\($0 + 1) } }"
        }
        let query = "{ hero(id: 1) { ...G0 } } \(wide.joined(separator: "\n")) fragment G60 on Hero { name }"
        let answer = library("graphql.is_valid", .string(query), Self.schema)
        #expect(["true", "false", "fatal: budget"].contains(answer))
        let object = (0..<1_000).reduce(json("{}")) { inner, _ in
            .object(ObjectValue([(.string("SelectionSet"), .array([inner]))]))
        }
        let document = Value.object(ObjectValue([(.string("Operations"), .array([object]))]))
        #expect(library("graphql.is_valid", document, Self.schema) == "false")
    }
}
