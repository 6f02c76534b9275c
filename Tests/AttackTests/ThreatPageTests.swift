import Foundation
import Testing

/// `docs/THREATS.md` promises tests; this holds it to them.
@Suite("The threats page")
struct ThreatPageTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The rules whose attacks are played, one row each.
    static let rules = [1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 24]

    private static func sources() throws -> [String] {
        try ["Tests", "Guest/Tests"].flatMap { folder -> [String] in
            let place = root.appendingPathComponent(folder)
            let files = FileManager.default.enumerator(at: place, includingPropertiesForKeys: nil)
            let paths = try #require(files).compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
            return try paths.map { try String(contentsOf: $0, encoding: .utf8) }
        }
    }

    @Test func `each named test exists`() throws {
        let page = try String(contentsOf: Self.root.appendingPathComponent("docs/THREATS.md"), encoding: .utf8)
        let sources = try Self.sources()
        // A suite of the whole path has another ending; a folder's name has no space in it.
        let names = page.matches(of: /`(\w+Tests)\/([^`]+)`/) + page.matches(of: /`(\w+)\/([^` ]+ [^`]+)`/)
        #expect(names.count > 60 && names.contains { $0.1 == "Canaries" })
        for name in names {
            let (suite, test) = (String(name.1), String(name.2))
            let exists = sources.contains { source in
                source.contains("struct \(suite) ") && (source.contains("`\(test)`(") || source.contains("\"\(test)\""))
            }
            #expect(exists, "\(suite)/\(test)")
        }
    }

    @Test func `each rule that is built has a row with a test`() throws {
        let page = try String(contentsOf: Self.root.appendingPathComponent("docs/THREATS.md"), encoding: .utf8)
        for rule in Self.rules {
            let rows = page.split(separator: "\n").filter { $0.hasPrefix("| R\(rule) |") }
            #expect(rows.count == 1, "R\(rule)")
            #expect(rows.first?.contains("Tests/") == true, "R\(rule)")
        }
    }
}
