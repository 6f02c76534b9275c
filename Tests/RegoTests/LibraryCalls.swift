import TestSupport

@testable import Rego

/// Calls a builtin that reads documents or needs cryptography; the answer in JSON, or the failure.
func library(
    _ name: String, _ arguments: Value..., now: Int64? = 1_700_000_000_000_000_000, budget: Int = 1 << 22
) -> String {
    answer(name, arguments, now: now, budget: budget) { String(decoding: $0.json(), as: UTF8.self) }
}

/// A value written as JSON.
func json(_ text: String) -> Value { (try? JSONReader.parse(Array(text.utf8))) ?? .string("bad JSON: \(text)") }

/// A case of the compliance suite, of which the constants are read off the module's text.
struct LibraryCase {
    let note: String
    let module: String
    let wanted: Value?
    let error: String

    static func family(_ name: String) throws -> [LibraryCase] {
        try Vectors.text("rego/opa-compliance.jsonl").split(separator: "\n").compactMap { line in
            guard case .object(let fields) = try JSONReader.parse(Array(line.utf8)),
                case .string(let note) = fields["note"], note.string.hasPrefix("\(name)/"),
                case .array(let modules) = fields["modules"], case .string(let module) = modules.first
            else { return nil }
            var error = ""
            if case .string(let text) = fields["want_error"] { error = text.string }
            return LibraryCase(
                note: note.string, module: module.string, wanted: fields["want_result"], error: error)
        }
    }

    /// The raw string, or the JSON on one line, that a constant is set to.
    func constant(_ name: String) -> Value? {
        guard let range = module.firstRange(of: "\(name) := ") else { return nil }
        let rest = module[range.upperBound...]
        if rest.hasPrefix("`") {
            return rest.dropFirst().firstIndex(of: "`").map { .string(String(rest[..<$0].dropFirst())) }
        }
        let line = rest.prefix { !$0.isNewline }
        return try? JSONReader.parse(Array(line.utf8))
    }
}
