import Rego
import Synchronization

/// One `test_` rule and how it went.
struct PolicyTest {
    /// How a test ended.
    enum Outcome: String {
        case pass = "PASS"
        case fail = "FAIL"
        case error = "ERROR"
        /// Named `todo_test_…`: not run.
        case skip = "SKIPPED"
    }

    /// The document, e.g. `data.policy.test_denied`.
    var name: String
    var package: String
    var location: Location
    var outcome = Outcome.pass
    /// Nanoseconds.
    var duration: Int64 = 0
    /// What it printed, and why it failed, for people.
    var printed: [String] = []
    var reason = ""
}

/// Finds and runs the tests of modules.
struct PolicyTestRun {
    let policy: Policy
    let data: Value
    /// Nanoseconds that one test may take.
    let timeout: Int64

    /// The `test_` and `todo_test_` rules, in the order of the modules; each name once.
    static func tests(in modules: [Module]) -> [PolicyTest] {
        var seen: Set<String> = []
        var tests: [PolicyTest] = []
        for module in modules {
            let package = "data" + module.package.map(step).joined()
            for rule in module.rules {
                guard !rule.isDefault, let name = name(of: rule) else { continue }
                var test = PolicyTest(name: "\(package)\(step(name))", package: package, location: rule.location)
                if name.hasPrefix("todo_") { test.outcome = .skip }
                if seen.insert(test.name).inserted { tests.append(test) }
            }
        }
        return tests
    }

    /// The rule's name when it is that of a test: no function, `test_` in front.
    private static func name(of rule: Rule) -> String? {
        if case .function = rule.head { return nil }
        var head = rule.path
        if case .reference(let first, _) = head.kind { head = first }
        guard case .variable(let name) = head.kind, name.hasPrefix("test_") || name.hasPrefix("todo_test_") else {
            return nil
        }
        return name
    }

    /// A step of a path as a query has it: `.name`, or `["any text"]`.
    private static func step(_ name: String) -> String {
        let isPlain =
            name.utf8.first.map { $0 < 48 || $0 > 57 } ?? false
            && name.utf8.allSatisfy {
                (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 95
            }
        return isPlain ? ".\(name)" : "[\(String(decoding: Value.string(name).json(), as: UTF8.self))]"
    }

    /// The test with its outcome.
    func run(_ test: PolicyTest) -> PolicyTest {
        guard test.outcome != .skip else { return test }
        var test = test
        let printed = Mutex<[String]>([])
        var context = EvaluationContext()
        context.now = Clock.wall()
        context.random = { count in (0..<count).map { _ in UInt8.random(in: .min ... .max) } }
        context.print = { text, location in
            printed.withLock { $0.append("\(location.file):\(location.row): \(text)") }
        }
        let start = Clock.monotonic()
        var limits = Limits.standard
        limits.clock = Clock.monotonic
        limits.deadline = start + timeout
        do {
            let query = try policy.prepare(query: test.name)
            let value = try query.value(data: data, limits: limits, context: context)
            test.duration = Clock.monotonic() - start
            if value != .bool(true) {
                test.outcome = .fail
                test.reason = try reason(query, value, context)
            }
        } catch {
            test.duration = Clock.monotonic() - start
            test.outcome = .error
            test.reason = "\(error)"
        }
        test.printed = printed.withLock { $0 }
        return test
    }

    private func reason(_ query: PreparedQuery, _ value: Value?, _ context: EvaluationContext) throws -> String {
        var context = context
        context.print = nil
        var limits = Limits.standard
        limits.clock = Clock.monotonic
        limits.deadline = Clock.monotonic() + timeout
        if let value, value != .bool(false) {
            let text = String(decoding: value.json().prefix(200), as: UTF8.self)
            return "its value is \(value.typeName) \(text), not true; a test for many cases is written with every"
        }
        return try query.explain(data: data, limits: limits, context: context, attempts: 50).text
    }
}
