import Rego
import Testing

@Suite("Rego compiler")
struct CompilerTests {
    @Test(arguments: [
        ("p if q\nq if p", "rego_recursion_error", "rule data.t.p is recursive: data.t.p -> data.t.q -> data.t.p"),
        ("p if data.t[x]", "rego_recursion_error", "rule data.t.p is recursive: data.t.p -> data.t.p"),
        ("p if x > 1", "rego_unsafe_var_error", "var x is unsafe"),
        ("p contains x if true", "rego_unsafe_var_error", "var x is unsafe"),
        ("p if not input.a[i]", "rego_unsafe_var_error", "var i is unsafe"),
        ("p if { x := [y | z = 1]; x }", "rego_unsafe_var_error", "var y is unsafe"),
        ("p := f(1)", "rego_type_error", "undefined function f"),
        ("p := http.send({})", "rego_type_error", "undefined function http.send"),
        ("p := count(1, 2, 3)", "rego_type_error", "count: arity mismatch"),
        ("f(x) := x\np := f(1, 2)", "rego_type_error", "function data.t.f has arity 1, got 2 arguments"),
        ("p if { x := 1; x := 2 }", "rego_compile_error", "var x assigned above"),
        ("p if { x > 1; x := 2 }", "rego_compile_error", "var x referenced above"),
        ("p if { some x; some x; x = 1 }", "rego_compile_error", "var x declared above"),
        ("p if { some x; true }", "rego_compile_error", "declared var x unused"),
        ("f(x) if { x := 1 }", "rego_compile_error", "arg x redeclared"),
        ("p if { not x := 1 }", "rego_compile_error", "cannot assign vars inside negated expression"),
        ("p if { 1 := 2 }", "rego_compile_error", "cannot assign to number"),
        ("p := 1\np contains 2", "rego_type_error", "conflicting rules data.t.p found"),
        ("f(x) := 1\nf(x, y) := 2", "rego_type_error", "conflicting rules data.t.f found"),
        (
            "default p := 1\ndefault p := 2", "rego_type_error",
            "multiple default rules data.t.p found at t.rego:3, t.rego:4"
        ),
        ("p := 1\np.q := 2", "rego_type_error", "rule data.t.p conflicts with [data.t.p.q]"),
        (
            "q := 1\np if true with foo.bar as 1", "rego_type_error",
            "with keyword target must reference existing input, data, or a function"
        ),
        (
            "q.r := {}\np if true with data.t.q.r.s as 1", "rego_compile_error",
            "with keyword cannot partially replace virtual document(s)"
        ),
        ("p := any([true])", "rego_type_error", "deprecated built-in function calls in expression: any"),
        ("input := 1", "rego_compile_error", "rules must not shadow input (use a different rule name)"),
        (
            "p if { data := 1; data == 1 }", "rego_compile_error",
            "variables must not shadow data (use a different variable name)"
        ),
        ("import data.a\nimport data.b.a\np := a", "rego_compile_error", "import must not shadow import data.a"),
    ])
    func `mistakes are named as OPA names them`(source: String, code: String, message: String) {
        let errors = compileErrors(source)
        #expect(errors.contains { $0.code == code && $0.message == message }, "\(errors)")
    }

    @Test(arguments: [
        ("p if { x := 1 }", "assigned var x unused"),
        ("import data.a\np := 1", "import data.a unused"),
        ("f(x) := 1", "unused argument x. (hint: use _ (wildcard variable) instead)"),
    ])
    func `strict mode refuses what is not used`(source: String, message: String) {
        #expect(compileErrors(source, strict: true).map(\.message) == [message])
        #expect(compileErrors(source).isEmpty)
    }

    @Test func `an error says where`() throws {
        let error = try #require(compileErrors("p if {\n\tinput.x\n\ty > 1\n}").first)
        #expect(error.location?.file == "t.rego")
        #expect(error.location?.row == 5)
        #expect(error.location?.column == 2)
    }

    @Test(arguments: [
        "p if { x > 1; x = input.a }", "p if { y = x + 1; y == 3; x = 2 }", "p if { [x, y] = [y, 1]; x == 1 }",
        "p if { f(x, y); y == 2; x = 1 }\nf(a) := a + 1", "p if { {\"a\": x} = {\"a\": 1}; x == 1 }",
    ])
    func `bodies are put in order`(source: String) throws {
        #expect(try evaluate(source, input: fromJSON(#"{"a": 2}"#)) == .bool(true))
    }

    @Test func `nesting beyond all reason is refused`() throws {
        let deep = String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000)
        #expect(!compileErrors("p := \(deep)").isEmpty)
    }

    @Test func `a long chain of operators compiles`() throws {
        let sum = Array(repeating: "1", count: 400).joined(separator: " + ")
        #expect(try evaluate("p := \(sum)") == .int(400))
    }

    @Test func `a package and a rule may not have one path`() {
        #expect(throws: RegoErrors.self) {
            try Policy.compile(modules: [
                (name: "a.rego", source: "package a\nb := 1"), (name: "b.rego", source: "package a.b\nc := 1"),
            ])
        }
    }
}
