import TestSupport
import Testing

@testable import Rego

/// Every source of the shared compliance vectors is read.
@Suite(.enabled(if: Vectors.available))
struct ParserVectorTests {
    @Test func `all modules, queries and input terms of the compliance suite parse`() throws {
        var count = 0
        for line in try Vectors.text("rego/opa-compliance.jsonl").split(separator: "\n") {
            guard case .object(let fields) = try JSONReader.parse(Array(line.utf8)) else { continue }
            let note = fields["note"]?.text ?? ""
            if case .array(let modules)? = fields["modules"] {
                for case .string(let module) in modules {
                    count += 1
                    #expect(throws: Never.self, "\(note)") { try Module.parse(module.string, file: note) }
                }
            }
            if case .string(let query)? = fields["query"] {
                #expect(throws: Never.self, "\(note)") { try Body.parse(query: query.string) }
            }
            if case .string(let term)? = fields["input_term"] {
                #expect(throws: Never.self, "\(note)") { try Term.parse(term.string) }
            }
        }
        #expect(count > 1300)
    }
}
