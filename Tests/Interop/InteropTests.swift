import Testing

/// The broker as a client sees it that was written in another language, from the specification and without the project's code.
@Suite(
    "A client in Python", .serialized, .enabled(if: ForeignClient.python != nil, ForeignClient.missing))
struct InteropTests {
    /// Where the broker deviates and how it is known; a case that passes must not be listed.
    static let known: [String: String] = [:]

    @Test(arguments: ForeignClient.cases) func `finds the protocol kept`(name: String) throws {
        let found = try #require(try ForeignClient.played.get().outcomes[name], "the case was not played")
        switch found.outcome {
        case "passed": break
        case "skipped": try Test.cancel("\(found.description): \(found.reason)")
        default: break
        }
        if let reason = Self.known[name] {
            withKnownIssue("\(reason)") { #expect(found.outcome == "passed", "\(found.description): \(found.reason)") }
        } else {
            #expect(found.outcome == "passed", "\(found.description): \(found.reason)")
        }
    }
}
