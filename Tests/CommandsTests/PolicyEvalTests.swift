import Testing

@testable import Commands

@Suite("testudo policy eval")
struct PolicyEvalTests {
    private static let policy = """
        package kbs.policy

        default allow := false

        allow if input.tee in data.tees

        names contains name if some name, _ in data.people
        """

    private static func stage(_ more: [String: String] = [:]) throws -> PolicyStage {
        try PolicyStage(
            [
                "policy.rego": policy, "data.json": #"{"tees": ["snp", "tdx"]}"#, "input.json": #"{"tee": "snp"}"#,
                "more/people/staff.yaml": "ann:\n  age: 3\nbob: {age: 4}\n",
            ].merging(more) { $1 })
    }

    @Test func `a value is printed as opa prints it`() throws {
        let report = try Self.stage().eval(
            "-d", "@policy.rego", "-d", "@data.json", "-i", "@input.json", "data.kbs.policy.allow")
        #expect(report.status == 0)
        #expect(
            report.output == """
                {
                  "result": [
                    {
                      "expressions": [
                        {
                          "value": true,
                          "text": "data.kbs.policy.allow",
                          "location": {
                            "row": 1,
                            "col": 1
                          }
                        }
                      ]
                    }
                  ]
                }
                """)
    }

    @Test func `bindings, rows and nested values`() throws {
        let report = try PolicyStage([:]).eval("some x in [1, 2]; y := {\"a\": [x]}")
        #expect(
            report.output.contains(
                """
                      "bindings": {
                        "x": 2,
                        "y": {
                          "a": [
                            2
                          ]
                        }
                      }
                    }
                  ]
                """), "\(report.output)")
        #expect(report.output.components(separatedBy: "\"bindings\"").count == 3)
    }

    @Test func `what is undefined is an empty object`() throws {
        let stage = try PolicyStage([:])
        #expect(try stage.eval("input.x") == PolicyReport(output: "{}"))
        #expect(try stage.eval("--fail", "input.x").status == 1)
        #expect(try stage.eval("--fail", "1 == 1").status == 0)
        #expect(try stage.eval("--fail-defined", "1 == 1").status == 1)
    }

    @Test func `errors have code, message and place`() throws {
        let stage = try Self.stage(["bad.rego": "package bad\n\np if x == 1\n"])
        let report = try stage.eval("-d", "@bad.rego", "data.bad.p")
        #expect(report.status == 2)
        #expect(
            report.output == """
                {
                  "errors": [
                    {
                      "message": "var x is unsafe",
                      "code": "rego_unsafe_var_error",
                      "location": {
                        "file": "bad.rego",
                        "row": 3,
                        "col": 6
                      }
                    }
                  ]
                }
                """)
        let text = try stage.eval("-f", "pretty", "-d", "@bad.rego", "data.bad.p")
        #expect(
            text.complaint == "bad.rego:3:6: rego_unsafe_var_error: var x is unsafe\np if x == 1\n     ^"
                && text.status == 2)
        let missing = try stage.eval("-d", "@absent.rego", "true")
        #expect(missing.output.contains("absent.rego: no such file or folder") && missing.status == 2)
    }

    @Test func `errors of functions are undefined unless strict`() throws {
        let stage = try PolicyStage([:])
        #expect(try stage.eval("1 / 0").output == "{}")
        let strict = try stage.eval("--strict-builtin-errors", "1 / 0")
        #expect(strict.output.contains("\"eval_builtin_error\"") && strict.output.contains("divide by zero"))
    }

    @Test func `a folder's path is the path of its documents`() throws {
        let report = try Self.stage().eval(
            "-f", "raw", "-d", "@more", "-d", "@policy.rego", "data.kbs.policy.names == {\"x\"}; data.people.bob.age")
        #expect(report.output.isEmpty)
        let names = try Self.stage().eval("-f", "raw", "-d", "@more", "data.people.bob.age")
        #expect(names.output == "4")
        let prefixed = try Self.stage(["list.json": "[1, 2]"])
        #expect(
            try prefixed.eval("-f", "raw", "-d", "a.b:\(prefixed.path("list.json"))", "data.a.b[1]").output == "2")
        #expect(try prefixed.eval("-d", "@list.json", "true").output.contains("data is an object"))
    }

    @Test func `two values for one path are a conflict`() throws {
        let stage = try PolicyStage(["a.json": #"{"x": {"y": 1, "z": 0}}"#, "b.json": #"{"x": {"y": 2}}"#])
        let report = try stage.eval("-d", "@a.json", "-d", "@b.json", "true")
        #expect(report.output.contains("b.json: data.x.y has another value already") && report.status == 2)
    }

    @Test func `v0 sources are read when asked for`() throws {
        let stage = try PolicyStage(["old.rego": "package old\n\np[x] { x := 1 }\n"])
        #expect(try stage.eval("-d", "@old.rego", "data.old.p").status == 2)
        #expect(try stage.eval("-f", "raw", "--v0", "-d", "@old.rego", "data.old.p").output == "[1]")
    }

    @Test func `negation is read as OPA reads it when asked for`() throws {
        let stage = try PolicyStage(["p.rego": "package p\n\nok if not startswith(input.x, \"a\")\n"])
        #expect(try stage.eval("-f", "raw", "-d", "@p.rego", "data.p.ok").output == "true")
        #expect(try stage.eval("-f", "raw", "--opa-negation", "-d", "@p.rego", "data.p.ok").output.isEmpty)
    }

    @Test func `reference values come from a file`() throws {
        let stage = try PolicyStage([
            "p.rego": "package p\n\nok if input.svn in query_reference_value(\"svn\")\n",
            "rv.json": #"{"svn": [3, 4]}"#, "input.json": #"{"svn": 4}"#,
        ])
        let words = ["-f", "raw", "-d", "@p.rego", "-i", "@input.json", "data.p.ok"]
        #expect(try stage.eval(["--reference-values", "@rv.json"] + words).output == "true")
        #expect(try stage.eval(words).output.isEmpty)
    }

    @Test func `an evaluation ends when its time is over`() throws {
        let endless = "count([1 | some a in numbers.range(1, 9000); some b in numbers.range(1, 9000); a == b + 1])"
        let report = try PolicyStage([:]).eval("--timeout", "0.05", endless)
        #expect(report.output.contains("time limit exceeded") && report.status == 2)
    }

    @Test func `hostile documents are refused by name`() throws {
        let stage = try PolicyStage(["deep.json": String(repeating: "[", count: 5_000), "cut.json": #"{"a": "#])
        for name in ["deep.json", "cut.json"] {
            let report = try stage.eval("-i", "@\(name)", "true")
            #expect(report.output.contains("\(name): ") && report.status == 2, "\(report.output)")
        }
    }
}
