import Foundation
import Testing

@testable import KeyBroker

@Suite("The table of errors in docs/BROKER.md")
struct ErrorTableTests {
    private struct Row: Hashable, CustomStringConvertible {
        let status: Int
        let name: String
        var description: String { "\(status) \(name)" }
    }

    @Test func `has each name with its status, and no other`() throws {
        let file = URL(filePath: #filePath).appending(path: "../../../docs/BROKER.md").standardized
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        var described: Set<Row> = []
        for line in lines.drop(while: { !$0.hasPrefix("| status | names |") }).dropFirst(2).prefix(while: {
            $0.hasPrefix("|")
        }) {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let status = try #require(Int(cells[0]), "\(line)")
            for name in cells[1].split(separator: ", ") {
                #expect(described.insert(Row(status: status, name: String(name.dropFirst().dropLast()))).inserted)
            }
        }
        let known = Set(BrokerError.Kind.allCases.map { Row(status: $0.status, name: $0.name) })
        #expect(known.subtracting(described).map(\.description).sorted() == [], "errors that the table lacks")
        #expect(described.subtracting(known).map(\.description).sorted() == [], "errors that the broker lacks")
    }
}
