import Rego
import Testing

@Suite("Rego limits")
struct LimitsTests {
    private func error(_ source: String, _ change: (inout Limits) -> Void) -> RegoError? {
        var limits = Limits()
        change(&limits)
        return evaluationError(source, limits: limits)
    }

    private static let loop = "p if { some a in numbers.range(1, 1000); some b in numbers.range(1, 1000); a * b == -1 }"

    @Test func `loops end at the limit of iterations`() {
        let error = error(Self.loop) { $0.iterations = 10_000 }
        #expect(error?.code == "eval_limit_error")
        #expect(error?.message == "iterations limit of 10000 exceeded")
    }

    @Test func `comprehensions end at the limit of values`() {
        let source = "p := [[a, b, c] | some a in xs; some b in xs; some c in xs]\nxs := numbers.range(1, 1000)"
        #expect(error(source) { $0.values = 100_000 }?.message == "values limit of 100000 exceeded")
    }

    @Test func `laughs of many rules end`() {
        let laughs = (1...40).map { "l\($0) := [x | some x in array.concat(l\($0 - 1), l\($0 - 1))]" }
        let source = "l0 := [1]\n" + laughs.joined(separator: "\n") + "\np := count(l40)"
        #expect(error(source) { $0.values = 1_000_000 }?.code == "eval_limit_error")
    }

    @Test func `time ends`() {
        final class Ticks: @unchecked Sendable { var now: Int64 = 0 }
        let ticks = Ticks()
        let error = error(Self.loop) {
            $0.deadline = 50
            $0.clock = {
                ticks.now += 1
                return ticks.now
            }
        }
        #expect(error?.message == "time limit exceeded")
    }

    @Test func `cancellation ends`() {
        var context = EvaluationContext()
        context.isCancelled = { true }
        #expect(evaluationError(Self.loop, context: context)?.code == "eval_cancel_error")
    }

    /// Rules that each need the one before.
    private func chain(_ count: Int) -> String {
        "r0 := 1\n" + (1...count).map { "r\($0) := r\($0 - 1) + 1" }.joined(separator: "\n") + "\np := r\(count)"
    }

    @Test func `rules nest as deep as the limit allows`() throws {
        #expect(try evaluate(chain(1_500)) == .int(1_501))
        #expect(error(chain(300)) { $0.callDepth = 250 }?.message == "call depth limit of 250 exceeded")
        #expect(error(chain(240)) { $0.callDepth = 250 } == nil)
    }

    @Test func `a body of many loops does not exhaust the stack`() throws {
        let loops = (0..<2_000).map { "some x\($0) in [\($0)]" }.joined(separator: "\n")
        #expect(try evaluate("p if {\n\(loops)\n}") == .bool(true))
    }

    @Test func `values that nest very deep are let go of safely`() throws {
        let nest = (1...20_000).map { "x\($0) := [x\($0 - 1)]" }.joined(separator: "\n")
        let error = evaluationError("p if {\nx0 := 1\n\(nest)\ncount(x20000) == 1\n}")
        #expect(error == nil || error?.code == "eval_limit_error")
    }
}

@Suite("Rego under attack")
struct HostilePolicyTests {
    @Test func `functions that double their nesting end`() {
        let functions = (1...20).map { "f\($0)(x) := f\($0 - 1)(f\($0 - 1)(x))" }.joined(separator: "\n")
        let error = evaluationError("f0(x) := [x]\n\(functions)\np := f20(1)")
        #expect(error?.message == "value depth limit of 800 exceeded")
    }

    @Test func `arguments that collide are no way to waste time`() throws {
        let source = """
            f(x) := x[9]
            p := count([y | some i in numbers.range(1, 20000); y := f([1, 1, 1, 1, 1, 1, 1, 1, 1, i])])
            """
        #expect(try evaluate(source) == .int(20_000))
    }

    @Test func `comparing large values is counted`() {
        let source = """
            a := [x | some x in numbers.range(1, 10000)]
            b := [x | some x in numbers.range(1, 10000)]
            p if { some i in numbers.range(1, 100000); a == b; i < 0 }
            """
        #expect(evaluationError(source)?.code == "eval_limit_error")
    }

    @Test func `bodies in the worst order compile in time`() throws {
        let lines = (1...3_000).reversed().map { "x\($0) = x\($0 - 1) + 1" }.joined(separator: "\n")
        #expect(try evaluate("p := x3000 if {\n\(lines)\nx0 = 0\n}") == .int(3_000))
    }

    @Test func `paths beyond all reason are refused`() {
        let path = String(repeating: ".a", count: 300)
        #expect(compileErrors("p\(path) := 1").map(\.message) == ["path too long"])
        #expect(compileErrors("p := input\(path)").map(\.message) == ["reference too long"])
    }

    @Test func `references to everything are bounded`() {
        let rules = (0..<3_000).map { "r\($0) if data.x[_].y" }.joined(separator: "\n")
        #expect(compileErrors(rules).isEmpty)
    }
}
