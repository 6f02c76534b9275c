import Testing

@testable import Rego

/// What OPA's compiler refuses besides types, in its words.
struct RefusalTests {
    struct Refused: Sendable, CustomTestStringConvertible {
        var module: String
        var code: String
        var message: String
        var options = ""
        var testDescription: String { module }

        init(_ module: String, _ code: String, _ message: String, _ options: String = "") {
            (self.module, self.code, self.message, self.options) = (module, code, message, options)
        }
    }

    static let modifiers = [
        Refused(
            "p if walk([1]) with walk as 1", "rego_compile_error",
            "with keyword replacing built-in function: target must not be a relation"),
        Refused(
            "p if true with rego.metadata.rule as 1", "rego_compile_error",
            "with keyword replacing built-in function: replacement of \"rego.metadata.rule\" invalid"),
        Refused(
            "p if true with eq as 1", "rego_compile_error",
            "with keyword replacing built-in function: replacement of \"eq\" invalid"),
        Refused(
            "p if true with internal.member_2 as 1", "rego_compile_error",
            "with keyword replacing built-in function: replacement of internal function \"internal.member_2\" invalid"),
        Refused(
            "p if true with print as 1", "rego_compile_error",
            "with keyword replacing built-in function: target must not be a void function"),
        Refused("f(x, y) := [x, y]\np if count([1]) with count as f", "rego_type_error", "count: arity mismatch"),
        Refused("f(x) := x + 1\np if lower(\"A\") with lower as f", "rego_type_error", "lower: arity mismatch"),
    ]

    static let names = [
        Refused(
            "p if true\nf(input) := 1", "rego_compile_error",
            "args must not shadow input (use a different variable name)"),
        Refused(
            "f(data) = 1", "rego_compile_error", "args must not shadow data (use a different variable name)", "v0"),
        Refused(
            "input = 1", "rego_compile_error", "rules must not shadow input (use a different rule name)", "v0 strict"),
        Refused(
            "p { data := 1; data == 1 }", "rego_compile_error",
            "variables must not shadow data (use a different variable name)", "v0 strict"),
        Refused(
            "import data.foo.if\np := 1", "rego_parse_error",
            "unexpected import path, must not end with a keyword, got: if"),
        Refused(
            "import data.not\np = 1", "rego_parse_error",
            "unexpected import path, must not end with a keyword, got: not", "v0"),
        Refused("p := print(1)", "rego_type_error", "print(1) used as value"),
    ]

    static let safety = [
        Refused("p := $\"a {x}\"", "rego_compile_error", "var x is undeclared"),
        Refused("p if lower($\"{x}\") == \"a\"", "rego_compile_error", "var x is undeclared"),
        Refused(
            "p { contains }", "rego_unsafe_var_error",
            "var contains is unsafe (hint: `import future.keywords.contains` to import a future keyword)", "v0"),
        Refused(
            "import data.a as b\nimport data.c as b\np := b", "rego_compile_error",
            "import must not shadow import data.a as b"),
        Refused("import data.a as b\np := 1", "rego_compile_error", "import data.a as b unused", "strict"),
    ]

    static let templates = [
        Refused(
            "p := $\"{not true}\"", "rego_parse_error", "unexpected negation ('not') in template-string expression"),
        Refused("p := $\"{x = 1}\"", "rego_parse_error", "unexpected unification ('=') in template-string expression"),
        Refused("p := $\"{x := 1}\"", "rego_parse_error", "unexpected assignment (':=') in template-string expression"),
        Refused("p := $\"{some x in [1]}\"", "rego_parse_error", "unexpected 'some' in template-string expression"),
        Refused(
            "p := $\"{every x in [1] { x }}\"", "rego_parse_error", "unexpected 'every' in template-string expression"),
        Refused("p := $\"{1, 2}\"", "rego_parse_error", "expected } to end template string expression"),
        Refused(
            "p := $\"{walk([1])}\"", "rego_compile_error",
            "illegal call to relation built-in 'walk' that may cause multiple outputs"),
        Refused("p := 01", "rego_parse_error", "unexpected number token: expected number without leading zero"),
        Refused("p := -01.5", "rego_parse_error", "unexpected number token: expected number without leading zero"),
    ]

    @Test func `equal values of a template's part are one`() throws {
        #expect(try evaluate("p := $\"{[1, 1][_]}\"") == .string("1"))
        #expect(
            evaluationError("p := $\"{[1, 2][_]}\"")?.message == "template-strings must not produce multiple outputs")
    }

    /// Where mistakes stand: row and column below the package's line.
    static let places = [
        Refused("p := x", "2:1", "var x is unsafe"),
        Refused("p if {\n\ty := 1\n\tx > y\n\tx < 3\n}", "4:2", "var x is unsafe"),
        Refused("p if {\n\tsome y\n\ttrue\n}", "3:2", "declared var y unused"),
        Refused("p if {\n\t1 == 1\n\t[a, b] := [1, 2]\n\ta == 1\n}", "4:2", "assigned var b unused", "strict"),
        Refused("p if {\n\tlower(1) == \"a\"\n}", "3:2", "lower: invalid argument(s)"),
        Refused("p if {\n\ttrue\n\t1 == \"a\"\n}", "4:2", "match error"),
    ]

    @Test(arguments: places)
    func `where it stands`(_ refused: Refused) {
        let errors = compileErrors(refused.module, strict: refused.options.contains("strict"))
        // The helper's source begins one line further down.
        #expect(
            errors.map { "\(($0.location?.row ?? 0) - 1):\($0.location?.column ?? 0) \($0.message)" } == [
                "\(refused.code) \(refused.message)"
            ])
    }

    @Test(arguments: modifiers + names + safety + templates)
    func `is refused`(_ refused: Refused) {
        var options = CompileOptions()
        options.v0 = refused.options.contains("v0")
        options.strict = refused.options.contains("strict")
        let error = #expect(throws: RegoErrors.self) {
            try Policy.compile(modules: [(name: "t.rego", source: "package t\n\(refused.module)")], options: options)
        }
        #expect(error?.errors.contains { $0.code == refused.code && $0.message == refused.message } == true)
    }

    /// Beside what is refused.
    static let allowed = [
        Refused("import data.foo.if as x\np := x", "", ""), Refused("import data.foo.if\np = 1", "", "", "v0"),
        Refused("input = 1\np { data := 1; data == 1 }", "", "", "v0"),
        Refused("p if lower(\"A\") with lower as upper", "", ""), Refused("p if print(1)", "", ""),
    ]

    @Test(arguments: allowed)
    func `is not refused`(_ allowed: Refused) {
        var options = CompileOptions()
        options.v0 = allowed.options.contains("v0")
        #expect(throws: Never.self) {
            try Policy.compile(modules: [(name: "t.rego", source: "package t\n\(allowed.module)")], options: options)
        }
    }

    @Test func `a function may be nothing but its constants`() throws {
        #expect(try evaluate("f(\"a\")\nf(x) if x == 2\np := [f(\"a\"), f(2)]") == fromJSON("[true, true]"))
        #expect(try evaluate("f(\"a\")\np := f(\"b\")") == nil)
    }

    @Test func `of equal keys in a literal the last counts`() throws {
        #expect(try evaluate("p := {\"a\": 1, \"a\": 2}.a") == .int(2))
        #expect(try evaluate("p := {x: 1, \"a\": 2}.a if x := \"a\"") == .int(1))
        #expect(try evaluate("p := {\"a\": x, \"a\": 2}.a if x := 5") == .int(2))
    }
}
