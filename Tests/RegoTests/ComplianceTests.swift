import Foundation
import Rego
import RegoCrypto
import TestSupport
import Testing

/// The options that test cases are compiled with: every function there is.
func fullOptions(v0: Bool = false) -> CompileOptions {
    var options = CompileOptions()
    options.v0 = v0
    // The suite's own function, which its caching cases call.
    let sleep = Builtin("test.sleep", 1) { _, _ throws(Builtin.Failure) in .null }
    options.functions = Builtin.documents + Builtin.cryptography + [sleep]
    return options
}

@Suite("Rego compliance", .enabled(if: Vectors.available))
struct ComplianceTests {
    /// Functions that are absent by design: cases about them are out of scope.
    private static let absent = ["http.send", "opa.runtime", "net.lookup_ip_addr"]

    @Test func `OPA's compliance cases`() throws {
        let only = ProcessInfo.processInfo.environment["REGO_CASES"]
        var families: [String: (passed: Int, all: Int)] = [:]
        var failures: [String] = []
        var outside = 0
        for known in try ComplianceCase.all() where !known.ignore {
            if let only, !known.note.contains(only) { continue }
            if Self.absent.contains(where: { name in known.modules.contains { $0.contains(name + "(") } }) {
                outside += 1
                continue
            }
            let failure = known.failure(fullOptions())
            families[known.family, default: (0, 0)].all += 1
            if let failure {
                failures.append("\(known.note): \(failure)")
                if only != nil { print(known.modules.joined(separator: "\n---\n")) }
            } else {
                families[known.family, default: (0, 0)].passed += 1
            }
        }
        let passed = families.values.reduce(0) { $0 + $1.passed }
        let all = families.values.reduce(0) { $0 + $1.all }
        for (family, count) in families.sorted(by: { $0.key < $1.key }) where count.passed < count.all {
            print("\(family): \(count.passed) of \(count.all)")
        }
        for failure in failures { print("FAILED \(failure)") }
        print("rego.compliance \(passed) of \(all), out of scope \(outside)")
        if only == nil { #expect(passed * 100 >= all * 99) }
    }

    /// Cases of the other interpreter that contradict OPA, where we follow OPA: how `%f` and `%O` print, what stands for an
    /// argument that is missing, and units that OPA has not got.
    private static let contradicting: Set = [
        "builtins/strings/sprintf.yaml: numeric formatting", "builtins/strings/sprintf.yaml: error cases",
        "builtins/units/parse_bytes.yaml: all",
    ]

    @Test func `the interpreter's cases`() throws {
        let only = ProcessInfo.processInfo.environment["REGO_CASES"]
        var failures: [String] = []
        var contradictions: [String] = []
        var count = 0
        for known in try InterpreterCase.all() where !known.skip {
            if let only, !known.note.contains(only) { continue }
            count += 1
            guard let failure = known.failure() else { continue }
            if Self.contradicting.contains(known.note) {
                contradictions.append(known.note)
            } else {
                failures.append("\(known.note): \(failure)")
            }
        }
        for failure in failures { print("FAILED \(failure)") }
        for note in contradictions { print("AS OPA \(note)") }
        print("rego.interpreter \(count - failures.count - contradictions.count) of \(count)")
        if only == nil { #expect(failures.isEmpty) }
    }
}
