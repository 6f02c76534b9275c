import Foundation
import Rego
import TestSupport
import Testing

@testable import Commands

/// OPA's compliance cases through the command, as files, the way a user would run them.
@Suite("testudo policy eval and the vectors", .enabled(if: Vectors.available))
struct PolicyEvalVectorTests {
    /// Absent by design, and the suite's own function.
    private static let absent = ["http.send", "opa.runtime", "net.lookup_ip_addr", "test.sleep"]

    @Test func `cases give the same through files and options`() throws {
        var failures: [String] = []
        var count = 0
        for line in try Vectors.text("rego/opa-compliance.jsonl").split(separator: "\n") {
            let known = try JSONReader.parse(Array(line.utf8))
            let modules = known["modules"]?.members.compactMap(\.text) ?? []
            if Self.absent.contains(where: { name in modules.contains { $0.contains(name + "(") } }) { continue }
            count += 1
            if let failure = try Self.failure(known, modules) {
                failures.append("\(known["note"]?.text ?? ""): \(failure)")
            }
        }
        for failure in failures { print("FAILED \(failure)") }
        print("policy eval \(count - failures.count) of \(count)")
        #expect(failures.isEmpty && count > 1_000)
    }

    private static func failure(_ known: Value, _ modules: [String]) throws -> String? {
        var files = Dictionary(uniqueKeysWithValues: modules.enumerated().map { ("test-\($0).rego", $1) })
        if let data = known["data"] { files["data.json"] = data.jsonText }
        if let term = known["input_term"]?.text {
            let row = try PolicyStage([:]).eval("-f", "bindings", "x = \(term)")
            files["input.json"] = try JSONReader.parse(Array(row.output.utf8))["x"]?.jsonText
        } else if let input = known["input"] {
            files["input.json"] = input.jsonText
        }
        var words = known["strict_error"] == .bool(true) ? ["--strict-builtin-errors"] : []
        for name in files.keys.sorted() { words += [name == "input.json" ? "-i" : "-d", "@\(name)"] }
        let report = try PolicyStage(files).eval(words + [known["query"]?.text ?? ""])
        let given = try JSONReader.parse(Array(report.output.utf8))
        if let wanted = known["want_error_code"]?.text {
            let codes = given["errors"]?.members.compactMap { $0["code"]?.text } ?? []
            return codes.contains(wanted) ? nil : "gave \(report.output), want \(wanted)"
        }
        let isSorted = known["sort_bindings"] == .bool(true)
        let rows = (given["result"]?.members ?? []).map {
            ($0["bindings"] ?? .object(ObjectValue([]))).bindings(isSorted)
        }
        let wanted = (known["want_result"]?.members ?? []).map { $0.bindings(isSorted) }
        if known["want_error"] != nil { return report.status == 2 ? nil : "no error" }
        return rows.sorted() == wanted.sorted() ? nil : "gave \(report.output), want \(wanted.map(\.jsonText))"
    }
}

extension Value {
    fileprivate subscript(name: String) -> Value? {
        if case .object(let object) = self { object[name] } else { nil }
    }

    fileprivate var members: [Value] { if case .array(let members) = self { members } else { [] } }
    fileprivate var text: String? { if case .string(let text) = self { text.string } else { nil } }
    fileprivate var jsonText: String { String(decoding: json(), as: UTF8.self) }

    /// A row of bindings, lists in order where the case says that theirs is none.
    fileprivate func bindings(_ isSorted: Bool) -> Value {
        guard isSorted, case .object(let object) = self else { return self }
        let pairs = zip(object.keys, object.values).map { key, value in
            if case .array(let members) = value { return (key: key, value: Value.array(members.sorted())) }
            return (key: key, value: value)
        }
        return .object(ObjectValue(pairs))
    }
}
