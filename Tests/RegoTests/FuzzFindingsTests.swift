import Rego
import Testing

/// What the fuzzer found, one test each.
@Suite("Rego fuzz findings")
struct FuzzFindingsTests {
    @Test(arguments: ["package a\np := $\"", "package a\np := $\"{", "package a\np := $`a\n"])
    func `errors at the end of a source lie within it`(source: String) throws {
        let errors = try #require(throws: RegoErrors.self) { try Module.parse(source, file: "a") }
        let location = try #require(errors.errors.first?.location)
        #expect(location.offset + location.length <= source.utf8.count)
    }

    @Test func `references headed by a keyword are printed as they can be read`() throws {
        let term = try Term.parse("package.package[0][\"if\"]")
        #expect(term.text == "package.package[0][\"if\"]")
        #expect(try Term.parse(term.text).text == term.text)
    }

    @Test func `products of many digits are paid for by the work they are`() {
        var limits = Limits()
        limits.values = 1_000_000
        let error = evaluationError("p := product(numbers.range(1, 3000)) > 0", limits: limits)
        #expect(error?.code == "eval_limit_error")
    }

    @Test func `a document patched into itself nests no deeper than any value`() {
        let source = """
            p if {
                copy := {"op": "copy", "from": "", "path": "/a"}
                json.patch({}, [copy | some _ in numbers.range(1, 3000)]) != 1
            }
            """
        // A comprehension of an array keeps equal members: three thousand copies.
        #expect(evaluationError(source)?.message == "value depth is too large")
    }

    @Test func `errors of one long line are as many as one reads`() throws {
        let rules = (0..<5_000).map { "p\($0){x}" }.joined(separator: " ")
        let errors = try #require(throws: RegoErrors.self) { try Module.parse("package a\n\(rules)", file: "a") }
        #expect(errors.errors.count == 100)
        #expect(errors.errors.allSatisfy { $0.snippet.utf8.count < 500 })
    }

    /// Each rule used to look at all annotations, and at all rules for each of them.
    @Test(.timeLimit(.minutes(1))) func `annotations of many rules are found in time`() throws {
        let rules = (0..<20_000).map { "# METADATA\n# title: t\($0)\np\($0) := rego.metadata.rule()" }
        let source = "\n\(rules.joined(separator: "\n"))"
        #expect(try evaluate(source, "data.t.p19999.title") == .string("t19999"))
    }

    @Test func `annotations of one package do not multiply with its rules`() throws {
        let blocks = (0..<40).map { "# METADATA\n# scope: subpackages\n# title: t\($0)\n\n" }.joined()
        let policy = try Policy.compile(
            modules: [(name: "a", source: "\(blocks)package t\n\np := count(rego.metadata.chain())")])
        #expect(try policy.prepare(query: "data.t.p").value() == .int(17))
    }

    @Test(arguments: [("not input", true), ("not data", false), ("not [input] == [1]", true), ("not data == 1", true)])
    func `a negated document is hoisted to an end`(query: String, holds: Bool) throws {
        var options = CompileOptions()
        options.hoistsNegation = true
        let policy = try Policy.compile(modules: [(name: "a", source: "package a\np := 1")], options: options)
        let rows = try policy.prepare(query: query).evaluate(input: .bool(false))
        #expect(rows.isEmpty != holds)
    }

    @Test(arguments: ["some x in ", "some internal.member_2(x, ", "some f("])
    func `depth is named where a comma follows what is too deep`(start: String) throws {
        // Each call stands two above its first argument: the height is reached where a comma follows.
        let calls = String(repeating: "f(", count: 240) + "1" + String(repeating: ", 1)", count: 240)
        let source = "[c | \(start)\(calls)\(start.contains("(") ? ")" : ""); c := x]"
        let errors = try #require(throws: RegoErrors.self) { try Term.parse(source) }
        #expect(errors.errors.map(\.message) == ["nesting too deep"])
    }

    @Test func `keys within keys do not double with each level`() throws {
        let key = String(repeating: "{", count: 18) + "[1]" + String(repeating: ": 1}", count: 18)
        let value = try #require(try evaluate("p := \(key)"))
        #expect(value.json().count < 2_000)
        #expect(try evaluate("p := count(json.marshal(\(key))) < 2000") == .bool(true))
        #expect(try evaluate("p := json.marshal({{[1]: 2}: 3})") == .string(#"{"{\"[1]\":2}":3}"#))
    }
}
