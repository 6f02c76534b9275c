import Foundation
import TestSupport
import Testing
import WireFormat

/// The client in Python (`Client/run.py`) and what it met: it starts the program `testudo-keybroker` once, plays all its cases
/// and records each exchange.
struct ForeignClient: Sendable {
    /// What came of a case.
    struct Outcome: Sendable {
        let outcome: String
        let reason: String
        let description: String
    }

    /// One request with its response; bodies are nil where they were too long to keep.
    struct Exchange: Sendable {
        let testCase: String
        let method: String
        let path: String
        let sent: [UInt8]?
        let status: Int64
        let headers: [String: String]
        let got: [UInt8]?
    }

    let outcomes: [String: Outcome]
    let exchanges: [Exchange]

    /// The Python that has python3-cryptography: Debian's own, which has it from `scripts/setup`, or the one of the path.
    static let python = ["/usr/bin/python3", "python3"].first {
        (try? run($0, ["-c", "import cryptography.hazmat.primitives.keywrap"])) != nil
    }

    static let missing: Comment = "python3 cannot import cryptography: scripts/setup installs python3-cryptography"

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "Client/run.py"
    ).path

    /// The program beside the tests, built as a dependency of this suite.
    private static let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("testudo-keybroker").path

    /// The names of the cases; one that stands for all of them where there is no Python to ask.
    static let cases: [String] = {
        guard let python, let output = try? run(python, [script, "--list"]) else { return ["all"] }
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }()

    /// All cases, played once for all tests.
    static let played = Result { try ForeignClient() }

    private init() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/record"
        try run(try #require(Self.python), [Self.script, "--record", path, Self.program])
        var outcomes: [String: Outcome] = [:]
        var exchanges: [Exchange] = []
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
            let entry = try JSONValue.parse(Array(line.utf8))
            func text(_ name: String) -> String { entry[name]?.stringValue ?? "" }
            if let name = entry["case"]?.stringValue {
                outcomes[name] = Outcome(
                    outcome: text("outcome"), reason: text("reason"), description: text("description"))
            } else {
                func bytes(_ name: String) throws -> [UInt8]? {
                    try entry[name]?.stringValue.map { try Base64.decode($0, field: name) }
                }
                exchanges.append(
                    Exchange(
                        testCase: text("exchange"), method: text("method"), path: text("path"),
                        sent: try bytes("sent"), status: entry["status"]?.integerValue ?? 0,
                        headers: (entry["headers"]?.objectValue ?? [:]).compactMapValues(\.stringValue),
                        got: try bytes("got")))
            }
        }
        self.outcomes = outcomes
        self.exchanges = exchanges
    }
}
