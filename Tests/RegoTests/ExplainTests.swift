import Rego
import Testing

@Suite("Rego explain")
struct ExplainTests {
    private static let source = """
        default allow := false

        allow if {
        \tinput.user == "root"
        }

        allow if {
        \tuser := input.user
        \tlevel := levels[user]
        \tlevel > 5
        }

        levels := {"ann": 3}
        """

    private func explain(_ secrets: [[Value]] = []) throws -> Explanation {
        try policy(Self.source).prepare(query: "data.t.allow").explain(
            input: fromJSON(#"{"user": "ann"}"#), secrets: secrets)
    }

    private func failures(_ attempts: [Attempt]) -> [Attempt] {
        attempts.flatMap { ($0.failure == nil ? [] : [$0]) + failures($0.attempts) }
    }

    @Test func `each body tells where it failed and with which values`() throws {
        let failed = failures(try explain().attempts)
        #expect(failed.map(\.rule) == ["data.t.allow", "data.t.allow"])
        #expect(failed.map { $0.failure?.expression } == ["input.user == \"root\"", "level > 5"])
        #expect(failed.map { $0.failure?.location.row } == [6, 12])
        #expect(failed[0].failure?.reason == "\"ann\" == \"root\" does not hold")
        #expect(failed[1].failure?.reason == "3 > 5 does not hold")
        #expect(failed[1].failure?.locals.map { "\($0.name)=\($0.value)" } == ["user=\"ann\"", "level=3"])
    }

    @Test func `secrets are not shown`() throws {
        let text = try explain([[.string("input"), .string("user")]]).text
        #expect(!text.contains("ann"))
        #expect(text.contains("<redacted>"))
    }

    @Test func `what is undefined is named`() throws {
        let query = try policy("p if { input.a.b; true }").prepare(query: "data.t.p")
        let failed = failures(try query.explain(input: fromJSON("{}")).attempts)
        #expect(failed.first?.failure?.reason == "data.t.p is undefined")
        #expect(failed.last?.failure?.reason == "input.a.b is undefined")
    }

    @Test func `of an every, the member and the expression that failed are named`() throws {
        let source = """
            p if {
            \tevery name, part in input.parts {
            \t\tpart.ok
            \t\tname != part.level
            \t\tlevel := part.level
            \t\tlevel > 2
            \t}
            }
            """
        let input = try fromJSON(#"{"parts": {"a": {"ok": true, "level": 3}, "b": {"ok": true, "level": 1}}}"#)
        let explanation = try policy(source).prepare(query: "data.t.p").explain(input: input)
        let failure = try #require(failures(explanation.attempts).last?.failure)
        #expect(failure.location.row == 4 && failure.within.map(\.location.row) == [8])
        #expect(failure.within.map(\.expression) == ["level > 2"])
        #expect(failure.within.map(\.reason) == ["1 > 2 does not hold"])
        #expect(failure.within.first?.locals.contains { $0 == ("name", "\"b\"") } == true)
        #expect(explanation.value == nil)
    }

    @Test func `a default is told from a rule that held`() throws {
        let allow = try explain().attempts.first?.attempts ?? []
        #expect(allow.map(\.isDefault) == [false, false, true])
        #expect(try explain().value == "false")
        #expect(try explain().text.contains("data.t.allow took its default at t.rego:3"))
    }

    @Test func `attempts are bounded`() throws {
        let query = try policy("f(x) if x > 100\np if { some x in numbers.range(1, 50); f(x) }")
            .prepare(query: "data.t.p")
        let explanation = try query.explain(attempts: 10)
        #expect(explanation.isPartial)
        #expect(explanation.text.split(separator: "\n").count < 60)
    }
}
