import ArgumentParser
import Foundation
import WireFormat

extension TestudoCommand {
    /// Those whose errors are objects on standard output with `--json`. Others print findings before they fail.
    private static let speakers: Set = [
        "evidence", "reference-values", "policy", "broker", "key", "secret", "audit",
    ]

    /// Parses the words behind the program's name, runs the command and ends the program when it failed.
    public static func start() async {
        let words = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try parseAsRoot(words)
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            let isSpoken = words.first.map(speakers.contains) ?? false
            guard let end = CommandEnd(error, asJSON: isSpoken && words.contains("--json")) else {
                exit(withError: error)
            }
            if !end.output.isEmpty { print(end.output) }
            if !end.complaint.isEmpty { FileHandle.standardError.write(Data("\(end.complaint)\n".utf8)) }
            Foundation.exit(end.status)
        }
    }
}

/// How a command that threw ends.
struct CommandEnd {
    var output = ""
    var complaint = ""
    let status: Int32

    /// Nil where the error is none (help, a version), or says nothing but a status: the parser knows what to do.
    init?(_ error: any Error, asJSON: Bool) {
        if error is ExitCode { return nil }
        let code = TestudoCommand.exitCode(for: error)
        guard code != .success else { return nil }
        var (message, hint): (String, String?) = (TestudoCommand.message(for: error), nil)
        switch error {
        case let failure as CommandFailure: (message, hint, status) = (failure.what, failure.hint, failure.status)
        // A file that is not there, or is no policy, document or text.
        case let failure as PolicyFileError: (message, status) = (failure.description, 2)
        default: status = code.rawValue
        }
        if asJSON {
            output = Self.json(message, hint: hint, status: status)
        } else {
            complaint =
                code == .validationFailure
                ? TestudoCommand.fullMessage(for: error)
                : ShownText.lines("Error: \(hint.map { "\(message)\n  what to do: \($0)" } ?? message)")
        }
    }

    /// `{"error": {"message", "hint"?, "status"}}`.
    static func json(_ message: String, hint: String? = nil, status: Int32) -> String {
        var members: [String: JSONValue] = ["message": .string(message), "status": .integer(Int64(status))]
        if let hint { members["hint"] = .string(hint) }
        return ShownText.json(JSONValue.object(["error": .object(members)]).prettyText)
    }
}

extension PolicyReport {
    /// An error that ends a command: text on standard error, or an object on standard output.
    static func failure(_ message: String, hint: String? = nil, status: Int32 = 2, json: Bool) -> PolicyReport {
        if json { return PolicyReport(output: CommandEnd.json(message, hint: hint, status: status), status: status) }
        let lines = ["error: \(message)"] + (hint.map { ["  what to do: \($0)"] } ?? [])
        return PolicyReport(complaint: lines.map { ShownText.line($0) }.joined(separator: "\n"), status: status)
    }
}
