import Foundation
import Testing

@testable import Commands

@Suite("testudo policy check, test, explain and bench")
struct PolicyTestCommandTests {
    private static let policy = """
        package p

        default allow := false

        allow if {
        \tinput.role == "admin"
        \tinput.token == "t0p-secret"
        }
        """
    private static let tests = """
        package p_test

        import data.p

        test_admin if p.allow with input as {"role": "admin", "token": "t0p-secret"}

        test_nobody if p.allow with input as {"role": "nobody"}

        test_breaks if {
        \tprint("about to", "break")
        \tcount([x | some x in numbers.range(1, 30000); some y in numbers.range(1, 30000); x == y]) == 1
        }

        todo_test_later if false

        test_object := {"a": true}

        test_helper(x) := x
        """

    private static func stage() throws -> PolicyStage {
        try PolicyStage(["p.rego": policy, "p_test.rego": tests])
    }

    @Test func `check is silent about a good policy`() throws {
        #expect(try Self.stage().check("@p.rego", "@p_test.rego") == PolicyReport())
        #expect(try Self.stage().check("--json", "@p.rego").output == "{\n  \"errors\": []\n}")
    }

    @Test func `check shows each error with its line and a caret`() throws {
        let stage = try PolicyStage([
            "a.rego": "package a\n\np := nope(1)\n", "b.rego": "package b\n\nq if {\n",
            "c.rego": "package c\n\nimport data.x\n",
        ])
        let unknown = try stage.check("@a.rego")
        #expect(
            unknown.complaint == "a.rego:3:6: rego_type_error: undefined function nope\np := nope(1)\n     ^"
                && unknown.status == 1)
        #expect(try stage.check("@b.rego").complaint.contains("b.rego:4:1: rego_parse_error"))
        #expect(try stage.check("@c.rego") == PolicyReport())
        #expect(try stage.check("--strict", "@c.rego").complaint.contains("import data.x unused"))
        #expect(try stage.check("@absent").complaint == "error: absent: no such file or folder")
    }

    @Test func `tests pass, fail with the reason, break, and are skipped`() throws {
        let stage = try Self.stage()
        let report = try stage.test("-v", "--timeout", "0.2", "@p.rego", "@p_test.rego")
        #expect(report.status == 2)
        let lines = report.output.split(separator: "\n").map(String.init)
        func outcome(_ name: String) -> Substring? {
            lines.first { $0.contains(": data.p_test.\(name): ") }?.split(separator: ":").last?.split(separator: " ")
                .first
        }
        #expect(outcome("test_admin") == "PASS")
        #expect(outcome("test_nobody") == "FAIL")
        #expect(outcome("test_breaks") == "ERROR")
        #expect(outcome("todo_test_later") == "SKIPPED")
        #expect(outcome("test_object") == "FAIL")
        #expect(outcome("test_helper") == nil)
        #expect(report.output.contains("because \"nobody\" == \"admin\" does not hold"))
        #expect(report.output.contains("p_test.rego:10: about to break"))
        #expect(report.output.contains("time limit exceeded"))
        #expect(report.output.contains("its value is object {\"a\":true}, not true"))
        #expect(lines.suffix(4) == ["PASS: 1/5", "FAIL: 2/5", "ERROR: 1/5", "SKIPPED: 1/5"])
    }

    @Test func `tests are chosen by name, and none is a failure`() throws {
        let stage = try Self.stage()
        #expect(try stage.test("--run", "admin", "@p.rego", "@p_test.rego") == PolicyReport(output: "PASS: 1/1"))
        let none = try stage.test("@p.rego")
        #expect(none.status == 1 && none.complaint.hasPrefix("error: no test in"))
    }

    @Test func `explain names the expression and hides secrets`() throws {
        let stage = try PolicyStage([
            "p.rego": Self.policy, "input.json": #"{"role": "admin", "token": "guess-guess"}"#,
        ])
        let words = ["-d", "@p.rego", "-i", "@input.json", "data.p.allow"]
        let open = try stage.explain(words)
        #expect(open.output.hasPrefix("data.p.allow is false\n"))
        #expect(open.output.contains("data.p.allow failed at p.rego:7:2: input.token == \"t0p-secret\""))
        #expect(open.output.contains("because \"guess-guess\" == \"t0p-secret\" does not hold"))
        let hidden = try stage.explain(["--json", "--secret", "input.token"] + words)
        #expect(hidden.output.contains("redacted") && !hidden.output.contains("guess"))
        for wrong in ["token", "input[", "input.", "input[x]", "x.y"] {
            #expect(throws: (any Error).self, "\(wrong)") { try stage.explain(["--secret", wrong] + words) }
        }
        let quoted = try stage.explain(["--secret", "input[\"token\"]"] + words)
        #expect(!quoted.output.contains("guess"))
    }

    @Test func `the example policy is strict, and its tests pass`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").path
        let example = "\(root)/examples/policies/resource"
        let stage = try PolicyStage([:])
        #expect(try stage.check("--strict", example) == PolicyReport())
        #expect(try stage.test(example) == PolicyReport(output: "PASS: 5/5"))
        let explained = try stage.explain([
            "-d", "\(example)/resource.rego", "-d", "\(example)/request.json", "-i", "\(example)/denied.json",
            "data.policy.allow",
        ])
        #expect(explained.output.contains("because \"warning\" == \"affirming\" does not hold"))
    }

    @Test func `bench counts what it was told to count`() throws {
        let report = try Self.stage().bench("--json", "--count", "50", "-d", "@p.rego", "data.p.allow")
        #expect(report.output.contains("\"decisions\": 50"))
        for figure in ["compile_ms", "p50_us", "p99_us", "rate_per_second"] {
            #expect(report.output.contains("\"\(figure)\": "), "\(figure)")
        }
    }
}
