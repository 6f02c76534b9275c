import Rego
import RegoCrypto
import Testing

/// Calls that ask for more than any policy needs: each ends in a value, in nothing or in an error, within the limits.
@Suite("Rego builtins under attack", .timeLimit(.minutes(2)))
struct HostileBuiltinTests {
    /// A query and how it ends.
    struct Attack: Sendable, CustomTestStringConvertible {
        let query: String
        let end: String

        init(_ query: String, _ end: String) { (self.query, self.end) = (query, end) }

        var testDescription: String { query }
    }

    /// How a query ends: its value's text, `undefined`, or an error's code and message.
    private static func end(_ query: String) throws -> String {
        var limits = Limits()
        limits.iterations = 300_000
        limits.values = 300_000
        var context = EvaluationContext()
        context.strictBuiltinErrors = true
        do {
            let policy = try Policy.compile(modules: [(name: String, source: String)](), options: fullOptions())
            return try policy.prepare(query: query).value(limits: limits, context: context)?.text ?? "undefined"
        } catch let error as RegoError {
            return "\(error.code): \(error.message)"
        } catch let errors as RegoErrors {
            return errors.errors.map { "\($0.code): \($0.message)" }.joined(separator: "; ")
        }
    }

    private static let numbers = [
        Attack("1e1000000000 + 1", "rego_parse_error: number too big"),
        Attack("1 / 1e-1000000000", "rego_parse_error: number too big"),
        Attack("bits.lsh(1, 9223372036854775807)", "eval_limit_error: number is too large"),
        Attack("bits.lsh(1, 1e30)", "eval_limit_error: number is too large"),
        Attack("bits.rsh(1, 9223372036854775807)", "0"),
        Attack("numbers.range(1, 1000000000000)", "eval_limit_error: range is too large"),
        Attack("numbers.range(-9223372036854775808, 9223372036854775807)", "eval_limit_error: range is too large"),
        Attack("numbers.range(1e30, 2e30)", "eval_limit_error: range is too large"),
        Attack("numbers.range_step(1, 1e30, 1)", "eval_limit_error: range is too large"),
        Attack("count(format_int(1e1000, 2))", "3322"),
        Attack("sprintf(\"%1000000000d\", [1])", "\"%!0(int=1)00d\""),
        Attack("sprintf(\"%.1000000000f\", [1])", "\"%!0(int=1)00f\""),
        Attack("sprintf(\"%*d\", [1000000000, 1])", "\"%!(BADWIDTH)1\""),
        Attack("abs(-9223372036854775808)", "9223372036854775808"),
        Attack("-9223372036854775808 / -1", "9223372036854775808"),
        Attack("-9223372036854775808 % -1", "0"),
        Attack("json.unmarshal(\"1e1000000000\")", "eval_builtin_error"),
        Attack("to_number(\"1e1000000000\")", "eval_builtin_error"),
        Attack("product([x | some x in numbers.range(1, 3000)])", "eval_limit_error: values limit of 300000 exceeded"),
        Attack("array.slice([1], -9223372036854775808, 9223372036854775807)", "[1]"),
        Attack("substring(\"a\", 9223372036854775807, 1)", "\"\""),
        Attack("units.parse(\"1e1000000000K\")", "eval_builtin_error"),
        Attack("units.parse_bytes(\"1e-1000000000EiB\")", "eval_builtin_error"),
        Attack("rand.intn(\"a\", 1e400)", "eval_type_error"),
    ]

    @Test(arguments: numbers) func `huge numbers end`(attack: Attack) throws {
        #expect(try Self.end(attack.query).hasPrefix(attack.end))
    }

    private static let times = [
        Attack("time.parse_ns(\"2006-01-02\", \"99999999999-01-01\")", "eval_builtin_error"),
        Attack("time.parse_rfc3339_ns(\"9999-12-31T23:59:59Z\")", "eval_builtin_error"),
        Attack("time.parse_duration_ns(\"99999999999999999999h\")", "eval_builtin_error"),
        Attack("time.add_date(0, 9223372036854775807, 9223372036854775807, 1)", "eval_builtin_error"),
        Attack("time.date(9223372036854775807)", "[2262, 4, 11]"),
        Attack("time.date(1e400)", "eval_builtin_error"),
        Attack("time.clock([0, \"../../../etc/passwd\"])", "eval_builtin_error"),
        Attack("time.diff(9223372036854775807, -9223372036854775808)", "[584, "),
    ]

    @Test(arguments: times) func `times beyond the calendar end`(attack: Attack) throws {
        #expect(try Self.end(attack.query).hasPrefix(attack.end))
    }

    private static let a100 = String(repeating: "a", count: 100)

    private static let patterns = [
        Attack("regex.match(\"(a+)+$\", \"\(a100)b\")", "false"),
        Attack("regex.match(\"(((((a*)*)*)*)*)*b\", \"\(a100)\")", "false"),
        Attack("regex.match(\"((a{0,100}){0,100}){0,100}\", \"a\")", "eval_builtin_error"),
        Attack("regex.match(\"a{1001}\", \"a\")", "eval_builtin_error"),
        Attack("regex.find_n(\".*.*.*=.*\", \"\(a100)\", -1)", "[]"),
        Attack("regex.match(\"\(String(repeating: "(", count: 5_000))\", \"a\")", "eval_builtin_error"),
        Attack(
            "regex.match(\"\(String(repeating: "(", count: 3_000))\(String(repeating: ")", count: 3_000))\", \"\")",
            "eval_builtin_error"),
        Attack("regex.globs_match(\"a.*.*.*.*.*.*.*.*.*.*b\", \"a.*.*.*.*.*.*.*.*.*.*.*c\")", "false"),
        Attack("glob.match(\"**a**a**a**a**a**a**a**a**b\", [], \"\(a100)\")", "false"),
        Attack("glob.match(\"\(String(repeating: "{a,b}", count: 40))c\", [], \"\(a100)\")", "false"),
        Attack("glob.match(\"\(String(repeating: "{", count: 5_000))\", [], \"a\")", "eval_builtin_error"),
    ]

    @Test(arguments: patterns) func `patterns do not blow up`(attack: Attack) throws {
        #expect(try Self.end(attack.query).hasPrefix(attack.end))
    }

    private static let growth = [
        Attack("net.cidr_expand(\"0.0.0.0/0\")", "eval_limit_error: block 0.0.0.0/0 is too large"),
        Attack("net.cidr_expand(\"::/0\")", "eval_limit_error: block ::/0 is too large"),
        Attack("net.cidr_merge([\"0.0.0.0/0\", \"::/0\"])", "{\"0.0.0.0/0\", \"::/0\"}"),
        Attack(
            "x0 := \"\(a100)\"; x1 := replace(x0, \"a\", x0); x2 := replace(x1, \"a\", x1); count(x2) == 0",
            "eval_limit_error"),
        Attack(
            "x0 := \"\(a100)\"; x1 := sprintf(\"\(String(repeating: "%[1]s", count: 100))\", [x0]); "
                + "x2 := sprintf(\"\(String(repeating: "%[1]s", count: 4_000))\", [x1]); count(x2) == 0",
            "eval_limit_error"),
        Attack(
            "p := [{\"op\": \"copy\", \"from\": \"\", \"path\": \"/a\"} | some _ in numbers.range(1, 2000)]; "
                + "count(json.patch({}, p)) == 0", "eval_limit_error"),
        Attack(
            "a := {k: [k] | some k in numbers.range(1, 2000)}; "
                + "count(object.union_n([a | some _ in numbers.range(1, 2000)])) == 0", "eval_limit_error"),
        Attack(
            "g := {k: numbers.range(1, 300) | some k in numbers.range(1, 300)}; "
                + "count(graph.reachable_paths(g, [1])) == 0", "eval_limit_error"),
        Attack(
            "x := numbers.range(1, 300); y := [x | some _ in x]; z := [y | some _ in x]; "
                + "count([1 | walk(z, [_, _])]) == 0", "eval_limit_error"),
        Attack("base64.decode(\"=========\")", "eval_builtin_error"),
        Attack(
            "strings.render_template(\"{{range .x}}{{range $.x}}{{range $.x}}a{{end}}{{end}}{{end}}\", "
                + "{\"x\": numbers.range(1, 300)})", "eval_limit_error"),
    ]

    @Test(arguments: growth) func `growth is bounded`(attack: Attack) throws {
        #expect(try Self.end(attack.query).hasPrefix(attack.end))
    }

    /// A document in a query, nested `count` times.
    private static func nest(_ open: String, _ close: String, _ count: Int) -> String {
        "concat(\"\", [concat(\"\", [\"\(open)\" | some _ in numbers.range(1, \(count))]), "
            + "concat(\"\", [\"\(close)\" | some _ in numbers.range(1, \(count))])])"
    }

    private static let nests = [
        Attack("json.unmarshal(\(nest("[", "]", 20_000)))", "eval_builtin_error"),
        Attack("json.is_valid(\(nest("{\\\"a\\\":", "}", 20_000)))", "undefined"),
        Attack("yaml.unmarshal(\(nest("[", "]", 20_000)))", "eval_builtin_error"),
        Attack("yaml.unmarshal(\(nest("- ", "", 20_000)))", "eval_builtin_error"),
        Attack("yaml.unmarshal(\(nest("? ", "", 20_000)))", "eval_builtin_error"),
        Attack("graphql.parse_query(\(nest("{a", "}", 20_000)))", "eval_builtin_error"),
        Attack("strings.render_template(\(nest("{{if .a}}", "{{end}}", 5_000)), {})", "eval_builtin_error"),
        Attack("\(String(repeating: "[", count: 5_000))", "rego_parse_error: nesting too deep"),
        Attack("\(String(repeating: "not ", count: 5_000))x", "rego_parse_error"),
        Attack("x := \(String(repeating: "-", count: 5_000))1", "rego_parse_error"),
        Attack("x := 1\(String(repeating: " + 1", count: 5_000))", "rego_parse_error: nesting too deep"),
        Attack("\(String(repeating: "{x | ", count: 5_000))", "rego_parse_error: nesting too deep"),
        Attack("\(String(repeating: "$`{", count: 5_000))", "rego_parse_error: nesting too deep"),
        Attack("\(String(repeating: "f(", count: 5_000))", "rego_parse_error: nesting too deep"),
    ]

    @Test(arguments: nests) func `what nests is refused`(attack: Attack) throws {
        #expect(try Self.end(attack.query).hasPrefix(attack.end))
    }

    @Test func `virtual documents multiplied end`() {
        let rules = (0..<40).map { "a\($0) contains x if some x in numbers.range(1, 40)" }.joined(separator: "\n")
        let body = (0..<40).map { "a\($0)[x\($0)]" }.joined(separator: "\n")
        var limits = Limits()
        limits.iterations = 200_000
        let error = evaluationError("\(rules)\np if {\n\(body)\nx39 == -1\n}", limits: limits)
        #expect(error?.code == "eval_limit_error")
    }
}
