import ArgumentParser
import Foundation
import WireFormat

/// `testudo audit`: the key broker's decisions, with the reasons that the host never sees.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Show the key broker's decisions and their reasons.")

    @OptionGroup var common: CommonOptions
    @Option(help: "Show at most this many of the newest lines.") var last = 20

    func run() async throws {
        let admin = try BrokerAdmin(state: common.folder, settings: try Settings(reading: common.folder))
        let lines = try await Audit.lines(admin).suffix(last)
        common.show(
            .array(Array(lines)),
            text: lines.map { line in
                ["time", "kind", "decision", "check", "resource", "reason"].compactMap { key in
                    line[key].flatMap { $0.stringValue ?? $0.integerValue.map(String.init) }
                }.joined(separator: "  ")
            }.joined(separator: "\n"))
    }
}

/// The audit log, oldest first.
enum Audit {
    static func lines(_ admin: BrokerAdmin) async throws -> [JSONValue] {
        let body = try await admin.call("GET", "/kbs/v0/testudo/audit")
        return try String(decoding: body, as: UTF8.self).split(separator: "\n").map {
            try JSONValue.parse(text: String($0))
        }
    }
}
