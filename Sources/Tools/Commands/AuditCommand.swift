import ArgumentParser
import Foundation
import WireFormat

/// `testudo audit`: the key broker's decisions, with the reasons that the host never sees.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Show the key broker's decisions and their reasons.")

    @OptionGroup var common: BrokerOptions
    @Option(help: "Show at most this many of the newest lines.") var last = 20

    func run() async throws {
        let admin = try common.admin()
        let lines = try await Audit.lines(admin, last: max(last, 1))
        common.show(.array(lines), text: Audit.text(lines))
    }
}

/// The audit log, oldest first.
enum Audit {
    /// The newest lines; the broker answers with at most 8 MiB, older ones are in its files.
    static func lines(_ admin: BrokerAdmin, last: Int? = nil) async throws -> [JSONValue] {
        let body = try await admin.call("GET", "/kbs/v0/testudo/audit" + (last.map { "?last=\($0)" } ?? ""))
        return try String(decoding: body, as: UTF8.self).split(separator: "\n").map {
            try JSONValue.parse(text: String($0))
        }
    }

    /// One line each, then what to do about denials that a tenant can lift.
    static func text(_ lines: [JSONValue]) -> String {
        if lines.isEmpty { return "the log has no lines yet" }
        let heading = ["time", "kind", "decision", "check", "who", "resource", "reason"]
        let rows = lines.map { line in heading.map { $0 == "who" ? who(line) : line[$0]?.stringValue ?? "" } }
        let checks = Set(lines.filter { $0["decision"]?.stringValue == "deny" }.compactMap { $0["check"]?.stringValue })
        return
            ([TextTable.render([heading] + rows)]
            + hints.filter { checks.contains($0.check) }.map { "\nwhat to do: \($0.hint)" })
            .joined(separator: "\n")
    }

    /// The administrator, or the manifest of the guest as far as it was known.
    private static func who(_ line: JSONValue) -> String {
        if let subject = line["subject"]?.stringValue, !subject.isEmpty { return subject }
        guard let manifest = line["manifest"]?.stringValue, !manifest.isEmpty else { return "" }
        return "guest \(manifest.prefix(12))"
    }

    private static let hints: [(check: String, hint: String)] = [
        (
            "manifest-unregistered",
            "a guest asked whose manifest is not registered. If the Service is yours and unchanged, register it: "
                + "`testudo manifest register -f FILE`, or `testudo apply -f FILE`"
        ),
        ("manifest-retired", "a retired manifest asked; `testudo apply -f FILE` of that version goes back to it"),
        (
            "guest-version",
            "the guest that runs is not of the version that the manifest names; build the guest image and register "
                + "the Service again: `testudo guest build`, `testudo up`, `testudo apply -f FILE`"
        ),
        (
            "simulated",
            "a simulated guest asked for what is registered for hardware only; `testudo apply -f FILE` without "
                + "--hardware-only, in a deployment that allows simulated guests, gives it the keys"
        ),
    ]
}
