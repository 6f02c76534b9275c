import Rego
import Testing

@Suite("Rego engine")
struct EngineTests {
    @Test(arguments: [
        ("p := [x | some x in input.xs; x > 1]", "[2, 3]"),
        ("p := {k: v | some k, v in input.o}", #"{"a": 1, "b": 2}"#),
        ("p if every x in input.xs { x > 0 }", "true"),
        ("p := x if { [_, x, _] = input.xs }", "2"),
        ("p := x if { some x in input.xs; x == 2 }", "2"),
        ("p contains x if { x := input.xs[_] }", "{1, 2, 3}"),
        ("p[k] := v if { v := input.o[k] }", #"{"a": 1, "b": 2}"#),
        ("p.q[k].r := v if { v := input.o[k] }", #"{"q": {"a": {"r": 1}, "b": {"r": 2}}}"#),
        ("default p := 7\np := 1 if input.none", "7"),
        ("p := 1 if { false } else := 2 if { true }", "2"),
        ("f(x) := x * 2\np := [f(x) | x := input.xs[_]]", "[2, 4, 6]"),
        ("f([x, y]) := x + y\np := f([1, 2])", "3"),
        ("f(1) := 10\nf(2) := 20\np := f(2)", "20"),
        ("p := x if { x := input.xs[i]; i == 2 }", "3"),
        ("q if not input.a\np if q with input.a as false", "true"),
        ("q := input.a.b\np := y if { y := q with input.a.b as 5 }", "5"),
        ("f(x) := x\np := y if { y := f(1) with f as 9 }", "9"),
        ("p := y if { y := count([1, 2]) with count as 5 }", "5"),
        ("g(x) := x + 1\np := y if { y := count([1, 2]) with count as h }\nh(_) := 42", "42"),
        ("p if { not input.a.b == 1 }", "true"),
        ("f(x) if x\np if not f(input.none)", "true"),
        ("p := $\"{1 + 1} {input.none}\"", "\"2 <undefined>\""),
        ("p := [v | walk(input.o, [_, v])]", #"[{"a": 1, "b": 2}, 1, 2]"#),
        ("p if { count(input.xs, n); n == 3 }", "true"),
        ("p := x if { x := {1, 2}[2] }", "2"),
        ("q := {\"a\": {\"b\": 1}}\np := [k | q[k].b]", "[\"a\"]"),
        ("p := {\"a\": 1, \"a\": 2}", "{\"a\": 2}"),
        ("p := {k: 1, l: 2} if { k := \"a\"; l := \"a\" }", "{\"a\": 2}"),
    ])
    func `rules give what they should`(source: String, wanted: String) throws {
        let input = try fromJSON(#"{"xs": [1, 2, 3], "o": {"a": 1, "b": 2}}"#)
        #expect(try evaluate(source, input: input)?.text == wanted.replacing("\\", with: ""))
    }

    @Test(arguments: [
        ("p := 1 if true\np := 2 if true", "complete rules must not produce multiple outputs"),
        ("f(x) := 1\nf(x) := 2\np := f(0)", "functions must not produce multiple outputs for same inputs"),
        ("p[k] := v if { k := \"a\"; some v in [1, 2] }", "object keys must be unique"),
        ("p := {k: v | k := \"a\"; some v in [1, 2]}", "object keys must be unique"),
    ])
    func `conflicts end the evaluation`(source: String, message: String) {
        let error = evaluationError(source)
        #expect(error?.code == "eval_conflict_error")
        #expect(error?.message == message)
    }

    @Test func `builtin errors are undefined, or raised when they are strict`() throws {
        #expect(try evaluate("p := 1 / 0") == nil)
        var context = EvaluationContext()
        context.strictBuiltinErrors = true
        #expect(evaluationError("p := 1 / 0", context: context)?.code == "eval_builtin_error")
        #expect(evaluationError("p := count(object.get({}, 1, 2))", context: context)?.code == "eval_type_error")
    }

    @Test func `what a negation needs is part of it, unless OPA 1 is followed`() throws {
        let source = "package t\nf(x) if x\np if not f(input.none)\nq if not input.none == 1\nr if not [input.none]"
        func results(hoisting: Bool) throws -> [Bool] {
            var options = CompileOptions()
            options.hoistsNegation = hoisting
            let policy = try Policy.compile(modules: [(name: "t.rego", source: source)], options: options)
            return try ["p", "q", "r"].map { rule in
                try policy.prepare(query: "data.t.\(rule)").value(input: .object(ObjectValue([]))) != nil
            }
        }
        #expect(try results(hoisting: false) == [true, true, true])
        #expect(try results(hoisting: true) == [false, true, false])
    }

    @Test func `base data and rules are one document`() throws {
        let data = try fromJSON(#"{"t": {"q": {"base": 1}, "r": 2}, "o": 3}"#)
        let source = "p := data.t.q.base\nq2 := 5"
        #expect(try evaluate(source, "data.t.r", data: data) == .int(2))
        #expect(try evaluate(source, "data.t.p", data: data) == .int(1))
        #expect(
            try evaluate(source, "data", data: data)?.text
                == #"{"o": 3, "t": {"p": 1, "q": {"base": 1}, "q2": 5, "r": 2}}"#)
    }

    @Test func `a path with free keys meets only the rules it can mean`() throws {
        let policy = try Policy.compile(modules: [
            (name: "a.rego", source: "package a.x\nv := 1"), (name: "b.rego", source: "package a.y\nv := 2"),
            (name: "c.rego", source: "package c\np contains [k, v] if v := data.a[k].v"),
        ])
        #expect(try policy.prepare(query: "data.c.p").value()?.text == #"{["x", 1], ["y", 2]}"#)
    }

    @Test func `a query gives rows of values and bindings`() throws {
        let query = try policy("p := [1, 2]").prepare(query: "x := data.t.p[i]; x > 1")
        let rows = try query.evaluate()
        #expect(rows.count == 1)
        #expect(rows[0].bindings.map { "\($0.name)=\($0.value.text)" } == ["i=1", "x=2"])
        #expect(rows[0].expressions.map(\.value.text) == ["true", "true"])
        #expect(rows[0].expressions.map(\.text) == ["x := data.t.p[i]", "x > 1"])
        #expect(try policy("").prepare(query: "1 == 2").evaluate().map { $0.expressions[0].value.text } == ["false"])
        #expect(try policy("").prepare(query: "1 == 2; true").evaluate().isEmpty)
    }

    @Test func `many rules on one value are found by index`() throws {
        let rules = (0..<100).map { "p := \($0) if { input.kind == \"k\($0)\"; input.ok }" }.joined(separator: "\n")
        let source = "default p := -1\n" + rules + "\np := 1000 if input.all"
        #expect(try evaluate(source, input: fromJSON(#"{"kind": "k42", "ok": true}"#)) == .int(42))
        #expect(try evaluate(source, input: fromJSON(#"{"kind": "none", "all": true}"#)) == .int(1000))
        #expect(try evaluate(source, input: fromJSON(#"{"kind": "none"}"#)) == .int(-1))
    }

    @Test func `one policy is evaluated by many at once`() async throws {
        let query = try policy("p := sum([x | some x in numbers.range(1, input.n)])").prepare(query: "data.t.p")
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for n in 1...64 {
                group.addTask {
                    try query.value(input: .object(ObjectValue([(key: .string("n"), value: .int(n))])))
                        == .int(n * (n + 1) / 2)
                }
            }
            for try await right in group { #expect(right) }
        }
    }

    @Test func `print goes to whoever listens`() throws {
        final class Lines: @unchecked Sendable { var all: [String] = [] }
        let lines = Lines()
        var context = EvaluationContext()
        context.print = { text, _ in lines.all.append(text) }
        #expect(try evaluate("p if print(\"a\", [1], input.none)", context: context) == .bool(true))
        #expect(lines.all == ["a [1] <undefined>"])
    }

    @Test func `a function of the host is called`() throws {
        var options = CompileOptions()
        options.functions = [
            Builtin("query_reference_value", 1) { arguments, _ throws(Builtin.Failure) in .array(arguments) }
        ]
        let policy = try Policy.compile(
            modules: [(name: "t.rego", source: "package t\np if \"a\" in query_reference_value(\"a\")")],
            options: options)
        #expect(try policy.prepare(query: "data.t.p").value() == .bool(true))
    }
}
