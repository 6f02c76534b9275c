import Foundation
import Rego
import RegoCrypto
import TestSupport

/// One case of the OPA compliance suite.
struct ComplianceCase: Sendable {
    var note: String
    var query: String
    var modules: [String]
    var data: Value
    var input: Value?
    var inputTerm: String?
    var wantResult: Value?
    var wantCode: String?
    var wantError: String?
    var strict: Bool
    var sortBindings: Bool
    var ignore: Bool

    /// The suite's folder, the first part of the note.
    var family: String { String(note.prefix { $0 != "/" }) }

    static func all() throws -> [ComplianceCase] {
        try Vectors.text("rego/opa-compliance.jsonl").split(separator: "\n").compactMap { line in
            guard case .object(let fields) = try JSONReader.parse(Array(line.utf8)) else { return nil }
            return ComplianceCase(fields)
        }
    }

    private init?(_ fields: ObjectValue) {
        func string(_ name: String) -> String? {
            if case .string(let text)? = fields[name] { text.string } else { nil }
        }
        func bool(_ name: String) -> Bool { if case .bool(let bool)? = fields[name] { bool } else { false } }
        guard let note = string("note"), let query = string("query") else { return nil }
        self.note = note
        self.query = query
        modules = []
        if case .array(let sources)? = fields["modules"] {
            modules = sources.compactMap { if case .string(let text) = $0 { text.string } else { nil } }
        }
        data = .object(ObjectValue([]))
        if case .object(let object)? = fields["data"] { data = .object(object) }
        input = fields["input"]
        inputTerm = string("input_term")
        wantResult = fields["want_result"]
        wantCode = string("want_error_code")
        wantError = string("want_error")
        strict = bool("strict_error")
        sortBindings = bool("sort_bindings")
        ignore = bool("ignore")
    }

    /// What went other than wanted; nil when nothing did.
    func failure(_ options: CompileOptions) -> String? {
        do {
            let rows = try run(options)
            guard let wantResult else { return "gave \(rows.map(\.text)) instead of \(wantError ?? wantCode ?? "?")" }
            guard case .array(let wanted) = wantResult else { return "want_result is no array" }
            let given = rows.map { normal($0) }.sorted()
            let expected = wanted.map { normal($0) }.sorted()
            return given == expected ? nil : "gave \(given.map(\.text)), want \(expected.map(\.text))"
        } catch let error as RegoError {
            return mismatch([error])
        } catch let errors as RegoErrors {
            return mismatch(errors.errors)
        } catch {
            return "\(error)"
        }
    }

    private func mismatch(_ errors: [RegoError]) -> String? {
        guard wantCode != nil || wantError != nil else { return "\(errors.first?.description ?? "no error")" }
        let fits = errors.contains { error in
            let place = error.location.map { "\($0.file):\($0.row): " } ?? ""
            let text = "\(place)\(error.code): \(error.message)" + error.details.map { "\n\t\($0)" }.joined()
            return (wantCode.map { $0 == error.code } ?? true)
                && (wantError.map { $0.isEmpty || text.contains($0) } ?? true)
        }
        return fits ? nil : "gave \(errors.first?.description ?? ""), want \(wantCode ?? "") \(wantError ?? "")"
    }

    private func run(_ options: CompileOptions) throws -> [Value] {
        let sources = modules.enumerated().map { (name: "test-\($0).rego", source: $1) }
        let policy = try Policy.compile(modules: sources, options: options)
        var input = input
        if let inputTerm {
            input = try Policy.compile(modules: [(name: String, source: String)]()).prepare(query: "x = \(inputTerm)")
                .evaluate().first?.bindings.first?.value
        }
        var context = EvaluationContext()
        context.strictBuiltinErrors = strict
        context.now = Int64(Date().timeIntervalSince1970 * 1e9)
        context.random = { count in (0..<count).map { _ in UInt8.random(in: 0...255) } }
        let rows = try policy.prepare(query: query).evaluate(input: input, data: data, context: context)
        return rows.map { row in
            .object(ObjectValue(row.bindings.map { (key: .string($0.name), value: $0.value) }))
        }
    }

    /// A row as JSON has it; with sorted bindings where the case says so.
    private func normal(_ row: Value) -> Value {
        guard case .object(let object) = row.asJSON, sortBindings else { return row.asJSON }
        return .object(
            ObjectValue(
                zip(object.keys, object.values).map { key, value in
                    if case .array(let members) = value { return (key: key, value: .array(members.sorted())) }
                    return (key: key, value: value)
                }))
    }
}

extension Value {
    /// The value after a way through JSON: sets are arrays and keys are strings.
    var asJSON: Value {
        switch self {
        case .array(let members): return .array(members.map(\.asJSON))
        case .set(let set): return .array(set.members.map(\.asJSON))
        case .object(let object):
            return .object(
                ObjectValue(
                    zip(object.keys, object.values).map { key, value in
                        if case .string = key { return (key: key, value: value.asJSON) }
                        return (key: .string(String(decoding: key.json(), as: UTF8.self)), value: value.asJSON)
                    }))
        default: return self
        }
    }
}
