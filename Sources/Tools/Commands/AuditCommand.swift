import ArgumentParser
import Foundation
import WireFormat

/// `testudo audit`: the key broker's decisions, with the reasons that the host never sees.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Show the key broker's decisions and their reasons.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var selection: AuditSelection

    func run() async throws { try await Audit.show(selection, common) }
}

/// The audit log, oldest first.
enum Audit {
    /// The most bytes that are shown of a Service: tenants' administrators choose names, of any length.
    private static let serviceLimit = 160

    /// The newest lines; the broker answers with at most 8 MiB, older ones are in its files.
    static func lines(_ admin: BrokerAdmin, query: String = "") async throws -> [JSONValue] {
        try lines(of: try await admin.call("GET", "/kbs/v0/testudo/audit\(query)"))
    }

    private static func lines(of body: [UInt8]) throws -> [JSONValue] {
        try body.split(separator: UInt8(ascii: "\n")).map { try JSONValue.parse(Array($0)) }
    }

    /// Prints the lines that are wanted.
    static func show(_ selection: AuditSelection, _ common: BrokerOptions) async throws {
        let admin = try common.admin()
        let body = try await admin.call("GET", "/kbs/v0/testudo/audit\(selection.query())")
        let all = await named(try lines(of: body), admin)
        let wanted = selection.select(all)
        // The broker sends 8 MiB at most, and looks for a tenant's lines in its newest files alone.
        if selection.isNarrow, wanted.count < selection.last, let start = all.first?["time"]?.stringValue {
            Progress().step(
                "what happened since \(start) was searched; lines from before, if any, are in the log's files")
        }
        let isEmptyLog = all.isEmpty && selection.since == nil
        common.show(.array(wanted), text: wanted.isEmpty && !isEmptyLog ? "no line matches" : text(wanted))
    }

    /// Adds the Service to each line that is about a manifest which the broker knows.
    static func named(_ lines: [JSONValue], _ admin: BrokerAdmin) async -> [JSONValue] {
        guard lines.contains(where: { !manifest($0).isEmpty }) else { return lines }
        // Retired manifests are listed too. Who may read the log and not the list goes without.
        let known = (try? await admin.manifests()) ?? []
        return named(lines, known)
    }

    static func named(_ lines: [JSONValue], _ manifests: [JSONValue]) -> [JSONValue] {
        var services: [String: String] = [:]
        for entry in manifests {
            guard let digest = entry["digest"]?.stringValue, let name = entry["name"]?.stringValue else { continue }
            services[digest] = ShownText.cut("\(entry["namespace"]?.stringValue ?? "")/\(name)", bytes: serviceLimit)
        }
        return lines.map { line in
            guard case .object(var members) = line, let service = services[manifest(line)] else { return line }
            members["service"] = .string(service)
            return .object(members)
        }
    }

    /// The digest of the manifest that a line is about: the guest's, or the one that an administrator's call names.
    static func manifest(_ line: JSONValue) -> String {
        if let digest = line["manifest"]?.stringValue, !digest.isEmpty { return digest }
        let place = (line["resource"]?.stringValue ?? "").components(separatedBy: "testudo/manifests/")
        return place.count == 2 ? place[1] : ""
    }

    /// One line each, then what to do about denials that a tenant can lift.
    static func text(_ lines: [JSONValue]) -> String {
        if lines.isEmpty { return "the log has no lines yet" }
        let isNamed = lines.contains { $0["service"] != nil }
        let heading =
            ["time", "kind", "decision", "check", "who"] + (isNamed ? ["service"] : []) + ["resource", "reason"]
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
