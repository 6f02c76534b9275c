import Testing

@testable import Rego

/// The syntax, in the words of the printer.
struct ParserTests {
    private func rules(_ source: String, v0: Bool = false) throws(RegoErrors) -> [Rule] {
        try Module.parse("package p\n" + source, file: "p.rego", options: ParseOptions(v0: v0)).rules
    }

    private func failures(_ source: String, v0: Bool = false) -> [String] { errors(source, v0: v0).map(\.message) }

    private func errors(_ source: String, v0: Bool = false) -> [RegoError] {
        do throws(RegoErrors) {
            _ = try Module.parse(source, file: "p.rego", options: ParseOptions(v0: v0))
            return []
        } catch {
            return error.errors
        }
    }

    @Test(arguments: [
        ("1 + 2 * 3 == x & y | z", "equal(plus(1, mul(2, 3)), or(and(x, y), z))"),
        ("x := 1 - -1", "x := minus(1, -1)"), ("a - b - c", "minus(minus(a, b), c)"),
        ("x in [1] == true", "internal.member_2(x, equal([1], true))"),
        ("k, v in {1: 2}", "internal.member_3(k, v, {1: 2})"), ("[1, 2 in [2]]", "[1, internal.member_2(2, [2])]"),
        ("[x | y, z in w; x = [y, z]]", "[x | internal.member_3(y, z, w); x = [y, z]]"),
        ("{x | y, z}", "{or(x, y), z}"), ("{k: v | some k, v in x}", "{k: v | some k, v in x}"),
        ("{a: b | c, d: e}", "{a: or(b, c), d: e}"), ("set() == {1,}", "equal(set(), {1})"),
        ("a.b[c][\"d-e\"].f(g)[0].h", "a.b[c][\"d-e\"].f(g)[0].h"), ("[1, 2][_]", "[1, 2][_]"),
        (
            "not input.x with input as {\"x\": 1} with data.y as z",
            "not input.x with input as {\"x\": 1} with data.y as z"
        ),
        ("some x, _", "some x, _"), ("some [a, b] in c", "some [a, b] in c"),
        ("every k, v in x { k; v }", "every k, v in x { k; v }"), ("`a\\n` != \"\\u0041\"", "neq(\"a\\\\n\", \"A\")"),
        ("x = $\"a \\{b} {1 + c}\\t{d}\"", "x = $\"a \\{b} {plus(1, c)}\\t{d}\""),
        ("x.if.in.not", "x[\"if\"][\"in\"][\"not\"]"),
        ("contains(\"ab\", \"b\")", "contains(\"ab\", \"b\")"), ("[\n1, # one\n2\n]", "[1, 2]"),
        ("(a | b)[c]", "or(a, b)[c]"),
        ("f(x, k, v in w)", "f(x, k, internal.member_2(v, w))"), ("x = {} ; y", "x = {}; y"),
    ])
    func `a query is read with OPA's precedence`(query: String, expected: String) throws {
        #expect(try Body.parse(query: query).text == expected)
    }

    @Test func `heads make values, sets and functions`() throws {
        let rules = try rules(
            """
            default allow := false
            allow if input.x
            deny contains msg if { msg := "no" }
            q contains 1
            a.b[c].d := 1 if some c in [1]
            f(x, [y, _]) := x + y
            g(1)[x] := 2 if { x := 1 }
            """.replacing("g(1)[x] := 2 if { x := 1 }", with: "not.a := 1\np.q.r if true\np[x] if x := 1"))
        #expect(rules.count == 9)
        #expect(rules[0].isDefault && rules[0].assigns)
        #expect(rules[1].body.text == "input.x")
        guard case .contains(let message) = rules[2].head, case .contains = rules[3].head else {
            throw RegoError("test", "no sets")
        }
        #expect(message.text == "msg" && rules[3].body.isEmpty)
        #expect(rules[4].path.text == "a.b[c].d")
        guard case .function(let arguments, let value) = rules[5].head else { throw RegoError("test", "no function") }
        #expect(arguments.map(\.text) == ["x", "[y, _]"] && value.text == "plus(x, y)")
        guard case .value(let yes) = rules[8].head else { throw RegoError("test", "no value") }
        #expect(rules[8].path.text == "p[x]" && yes.text == "true" && rules[8].body.text == "x := 1")
    }

    @Test func `else branches and further bodies belong to their rule`() throws {
        let chain = try rules("p := 1 if { a } else := 2 if b else if c else := 3")
        #expect(chain.count == 1)
        #expect(chain[0].alternatives.map { "\($0.value.text) \($0.body.text)" } == ["2 b", "true c", "3 "])
        #expect(try rules("p if { a } { b }").map(\.body.text) == ["a", "b"])
    }

    @Test func `v0 reads old heads and keywords by import`() throws {
        let old = try rules(
            "p[x] { x = 1 } { x = 2 }\np[x] = y { y = x }\nq { true } else = 2 { false }\nr[1]\ns.t", v0: true)
        #expect(old.map(\.path.text) == ["p", "p", "p[x]", "q", "r", "s"])
        guard case .contains = old[0].head, case .value = old[2].head, case .contains = old[4].head else {
            throw RegoError("test", "wrong kinds")
        }
        #expect(try rules("in := 1\nif := in", v0: true).count == 2)
        #expect(
            try rules("import future.keywords.in\np { 1 in [1] }", v0: true)[0].body.text == "internal.member_2(1, [1])"
        )
        #expect(try rules("import rego.v1\np if 1 in [1]", v0: true).count == 1)
        #expect(
            failures("package p\nimport rego.v1\np { true }", v0: true) == ["`if` keyword is required before rule body"]
        )
    }

    @Test(arguments: [
        ("", "empty module"), ("p := 1", "package expected"), ("package p\np", "var cannot be used for rule name"),
        ("package p\np { true }", "`if` keyword is required before rule body"),
        ("package p\np[1]", "`contains` keyword is required for partial set rules"),
        ("package p\np.q.r", "rule must have value assignment and/or body declaration"),
        ("package p\np := [x | ]", "found empty body"), ("package p\np := 1 2", "number cannot be used for rule name"),
        ("package p\np if { x y }", "unexpected identifier token: expected \\n or ; or }"),
        ("package p\np if { not some x }", "unexpected some keyword: illegal negation of 'some'"),
        (
            "package p\nimport foo",
            "unexpected import path, must begin with one of: {data, future, input, rego}, got: foo"
        ),
        ("package p\np := \"a", "non-terminated string"), ("package p\np := \"\\q\"", "illegal escape sequence"),
        ("package p\np := $\"{}\"", "unexpected template-string-close token: expected template expression"),
        ("package p\np := 1e99999", "number too big"), ("package p\np := 1.a", "expected fraction"),
        ("package p\ndefault p := x", "illegal default rule (value cannot contain var)"),
        ("package p\np contains 1 if true else := 2", "else keyword cannot be used on multi-value rules"),
        ("package p\np := (1", "non-terminated expression"),
        ("package p\np := {1 2}", "unexpected number token: non-terminated set"),
        ("package p\nimport future.keywords.x", "unexpected keyword, must be one of [contains every if in]"),
    ])
    func `an error says what is wrong`(source: String, message: String) {
        #expect(failures(source).first == message)
    }

    @Test func `an error shows its place`() {
        #expect(throws: RegoErrors.self) { try Module.parse("package p\n\tp := [1 2]", file: "p.rego") }
        do throws(RegoErrors) {
            _ = try Module.parse("package p\n\tp := [1 2]", file: "p.rego")
        } catch {
            #expect(
                error.description
                    == "p.rego:2:10: rego_parse_error: unexpected number token: expected \",\" or \"]\"\n\tp := [1 2]\n\t        ^"
            )
        }
    }

    @Test func `metadata is kept with its row`() throws {
        let module = try Module.parse(
            "# METADATA\n# title: x\n#  y: 1\npackage p\n# METADATA\n# a: b\n\n# c", file: "p.rego")
        #expect(module.metadata.map(\.text) == ["title: x\n y: 1\n", "a: b\n"])
        #expect(module.metadata.map(\.row) == [4, 7])
    }

    @Test(arguments: [
        "[", "{", "(", "[x | ", "{x: ", "f(", "a[", "$\"{", "not ", "-", "1 + ", "x in ", "[a | b, ", "{x | {y: z | ",
        "every x in [1] { ",
        "a(1).b", "[x | y; ", "some x in [", "with a as ",
    ])
    func `endless nesting ends in an error`(piece: String) {
        let source = String(repeating: piece, count: 4000)
        #expect(!failures("package p\np := " + source).isEmpty)
        #expect(!failures("package p\np if { " + source).isEmpty)
    }

    @Test func `every prefix of a module ends in a module or an error`() throws {
        let source =
            "package p\nimport data.x as y\n# c\np[a].b contains $\"{x}\\n\" if { some k, v in `r`; every z in [1] { z } with input as 1.5e3 } else := {1: {2}}"
        for length in 0...source.utf8.count {
            for v0 in [false, true] {
                let errors = errors(String(decoding: Array(source.utf8).prefix(length), as: UTF8.self), v0: v0)
                let isPackage = length >= "package p".utf8.count
                #expect(isPackage || !errors.isEmpty, "\(length) bytes are no module")
                for error in errors {
                    let place = try #require(error.location)
                    #expect(error.code == "rego_parse_error")
                    #expect(place.offset <= length, "\(error.message) of \(length) bytes")
                }
            }
        }
        // The last branch is the only mistake.
        #expect(failures(source) == ["else keyword cannot be used on multi-value rules"])
    }
}
