import Testing

@testable import Rego

/// What OPA refuses before it evaluates anything, because of types, and what it does not refuse.
struct TypeCheckTests {
    /// A module and the messages of its errors, with their details.
    struct Refusal: Sendable, CustomTestStringConvertible {
        var module: String
        var messages: [String]
        var testDescription: String { module }

        init(_ module: String, _ messages: String...) { (self.module, self.messages) = (module, messages) }
    }

    static let calls = [
        Refusal(
            #"p := 1 + "a""#,
            "plus: invalid argument(s) | have: (number, string, ???) | want: (x: number, y: number, z: number)"),
        Refusal(
            "p := upper(1)", "upper: invalid argument(s) | have: (number, ???) | want: (x: string, y: string)"),
        Refusal(
            "p if { x := count([1]); startswith(x, \"a\") }",
            "startswith: invalid argument(s) | have: (number, string) | want: (search: string, base: string, result: boolean)"
        ),
        Refusal(
            "q := 3\np := lower(q)",
            "lower: invalid argument(s) | have: (number, ???) | want: (x: string, y: string)"),
        Refusal(
            "f(x) := x + 1\np := f(\"a\")",
            "data.t.f: invalid argument(s) | have: (string, ???) | want: (number, number)"),
        Refusal(
            "p := [x | x := lower(1)]",
            "lower: invalid argument(s) | have: (number, ???) | want: (x: string, y: string)"),
        Refusal(
            "p if not contains(1, \"a\")",
            "contains: invalid argument(s) | have: (number, string) | want: (haystack: string, needle: string, result: boolean)"
        ),
        Refusal(
            "p := sum([\"a\", 1])",
            "sum: invalid argument(s) | have: (array<string, number>, ???) | want: (collection: any<array[number], set[number]>, n: number)"
        ),
        Refusal(
            "p := time.date([1, \"UTC\", 3])",
            "time.date: invalid argument(s) | have: (array<number, string, number>, ???) | want: (x: any<number, array<number, string>>, date: array<number, number, number>)"
        ),
        Refusal(
            "p := json.patch({}, [{\"path\": \"a\"}])\nq := json.patch({}, [{\"op\": 1, \"path\": \"a\"}])",
            "json.patch: invalid argument(s) | have: (object[any: any], array<object<op: number, path: string>>, ???) | want: (object: any, patches: array[object<op: string, path: any>[any: any]], output: any)"
        ),
    ]

    static let equalities = [
        Refusal("p if 1 == \"a\"", "match error | left  : number | right : string"),
        Refusal("p if { x := 1; x = \"a\" }", "match error | left  : number | right : string"),
        Refusal("p if [1, 2] = [_]", "match error | left  : array<number, number> | right : array<???>"),
        Refusal("p if { [x, y] := [1]; x == y }", "match error | left  : array<???, ???> | right : array<number>"),
        Refusal("q := {\"a\": 1}\np if q == 1", "match error | left  : object<a: number> | right : number"),
        Refusal("p if count(input) == \"1\"", "match error | left  : number | right : string"),
        Refusal(
            "f(x) if x == 1\np if { some y in [\"a\"]; f(y) }",
            "data.t.f: invalid argument(s) | have: (string) | want: (number, boolean)"),
    ]

    static let references = [
        Refusal("q := 1\np := q.a", "undefined ref: data.t.q.a"),
        Refusal("q := {\"a\": {\"b\": 1}}\np := q.a.c", "undefined ref: data.t.q.a.c"),
        Refusal("p if { x := {\"a\": 1}; x.b }", "undefined ref: x.b"),
        Refusal("p if { x := [1, 2]; x.b }", "undefined ref: x.b"),
        Refusal("p if { x := [1, 2]; x[5] }", "undefined ref: x[5]"),
        Refusal("f(x) := x\np := f", "undefined ref: data.t.f"),
        Refusal("q contains \"a\"\np if q[1]", "undefined ref: data.t.q[1]"),
        Refusal("p if { x := \"abc\"; x[0] }", "undefined ref: x[0]"),
        Refusal("p if { x := {\"a\": 1}; y := 1; x[y] }", "undefined ref: x[y]"),
    ]

    @Test(arguments: calls + equalities + references)
    func `is refused`(_ refusal: Refusal) {
        let errors = compileErrors(refusal.module)
        #expect(errors.map { ([$0.message] + $0.details).joined(separator: " | ") } == refusal.messages)
        #expect(errors.allSatisfy { $0.code == "rego_type_error" })
    }

    /// Modules in which something may fit after all.
    static let fitting = [
        "p := 1 + input.x", "p := 1 + data.x.y", "p if input.x == 1\nq if input.x == \"a\"",
        "p := [1, \"a\"][_]", "p if { some x in [1, \"a\"]; x == \"a\" }", "p if { some x in [1, \"a\"]; x + 1 == 2 }",
        "p := x == \"a\" if x := 1", "q := 1 if input.a\nq := \"a\" if input.b\np if q == \"a\"",
        "q := 1 if input.a else := \"a\"\np if q == \"a\"", "default q := false\nq := 1\np if q + 1 == 2",
        "q[k] := v if some k, v in input\nq.b := 1\np := q.zz", "p if every x in [1] { x == \"a\" }",
        "q := 1\np if q == \"a\" with data.t.q as \"a\"", "q := 1\np if lower(q) == \"a\" with data.t.q as \"A\"",
        "f(x) := 1\ng(_) := \"a\"\np if f(2) == \"a\" with f as g", "p := {\"a\": 1}[input.k]",
        "f(x) := x + 1\nf(x) := lower(x)\np := [f(1), f(\"a\")]", "p if { x := input.y; x.a.b[0] == 1; x == 3 }",
        "p if { x = [y, 1]; y = \"a\"; x[0] == \"a\" }", "p if print(1 + 2, lower(input.x))",
        "q contains {\"a\": 1}\nq contains {\"b\": 1}\np := [x.a | some x in q]", "p := {1, \"a\"}[\"a\"]",
        "q contains x if some x in input\np if q[1]", "p := $\"{input.x} {1}\"", "p := object.get(input, \"a\", 1).b",
        "p if { walk(input, [path, value]); path[0] == 1; value.x == 2 }", "p := json.unmarshal(\"1\").a",
        "p := sprintf(\"%v\", [[1], {\"a\": 2}])", "p if { x := {\"a\": 1, \"b\": \"c\"}; some k; x[k] == \"c\" }",
        "p.a.b := 1\np.a.c := 2\nq := p.x", "p if [] == input.x", "p if { x := []; x[0] == 1 }",
        "p if { x := {}; x.a == 1 }",
        "p if { x := set(); x.a }", "p := data.t.nothing.here", "p if 1 in {\"a\"}", "p := time.format([1, \"UTC\"])",
        "p := to_number(null) + to_number(\"1\")", "p := {1} - {2}", "p := 1 - 2", "p if input == data.x",
        "p if { some i; x := [1, 2][i]; i == 0; x == 1 }", "p if not input.a == 1", "p := net.cidr_merge([\"a\"])",
    ]

    @Test(arguments: fitting)
    func `is not refused`(_ module: String) {
        #expect(compileErrors(module).map(\.description) == [])
    }

    static let arities = [
        Refusal(
            "p := count(1, 2, 3)",
            "count: arity mismatch | have: (number, number, number) | want: (collection: any<string, array[any], object[any: any], set[any]>)"
        ),
        Refusal("f(x) := x\np := f(1, 2)", "function data.t.f has arity 1, got 2 arguments"),
        Refusal("f(x, y) := [x, y]\np := f(1)", "function data.t.f has arity 2, got 1 argument"),
        Refusal("p if plus(1)", "plus: arity mismatch | have: (number) | want: (x: number, y: number)"),
    ]

    @Test(arguments: arities)
    func `the number of arguments`(_ refusal: Refusal) {
        #expect(
            compileErrors(refusal.module).map { ([$0.message] + $0.details).joined(separator: " | ") }
                == refusal.messages)
    }

    @Test func `queries are checked too, but may compare what differs`() throws {
        let policy = try policy("q := 1")
        #expect(throws: RegoErrors.self) { try policy.prepare(query: "data.t.q = \"a\"") }
        #expect(throws: RegoErrors.self) { try policy.prepare(query: "data.t.q.a") }
        #expect(try policy.prepare(query: "data.t.q == \"a\"").value() == .bool(false))
    }

    @Test func `v0 is checked only when strict`() throws {
        var options = CompileOptions()
        options.v0 = true
        let modules = [(name: "t.rego", source: "package t\np = 1 + \"a\"")]
        _ = try Policy.compile(modules: modules, options: options)
        options.strict = true
        #expect(throws: RegoErrors.self) { try Policy.compile(modules: modules, options: options) }
    }

    @Test func `can be switched off`() throws {
        var options = CompileOptions()
        options.checksTypes = false
        let policy = try Policy.compile(
            modules: [(name: "t.rego", source: "package t\np := 1 + \"a\"")], options: options)
        #expect(try policy.prepare(query: "data.t.p").value() == nil)
    }

    @Test(.timeLimit(.minutes(1))) func `types do not grow without bound`() {
        let lines = (1...200).map { "x\($0) := [x\($0 - 1), x\($0 - 1), {\"a\": x\($0 - 1)}]" }
        #expect(compileErrors("p if { x0 := 1\n\(lines.joined(separator: "\n"))\nx200[0] }").isEmpty)
    }
}
