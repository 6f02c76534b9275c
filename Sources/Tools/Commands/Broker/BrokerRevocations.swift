import ArgumentParser
import Foundation
import Verifier
import WireFormat

/// `testudo broker revocations`: hardware, boots and measurements that are trusted no more.
struct BrokerRevocations: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revocations",
        abstract: "Hardware, boots of guests and measurements that are trusted no more, from the next call on.",
        discussion: """
            A release of the guest is withdrawn by `testudo reference-values remove --guest VERSION`, a manifest by \
            `testudo broker manifests retire DIGEST`.
            """,
        subcommands: [RevocationAdd.self, RevocationList.self, RevocationRemove.self],
        defaultSubcommand: RevocationList.self, aliases: ["revocation"])

    static let path = "/kbs/v0/testudo/revocations"
}

/// What is revoked.
struct RevocationOptions: ParsableArguments {
    /// The kinds of things that a broker can trust no more.
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case line, root, chip, instance, measurement
    }

    @Argument(help: "What is meant: line, root, chip, instance or measurement.") var kind: Kind
    @Argument(
        help: """
            A product line (milan) or FMSPC, the SHA-256 of a root, a chip's identifier, a boot's instance, or a launch \
            measurement in hexadecimal.
            """) var value: String

    func path() throws -> String {
        guard BrokerKeys.isSegment(value[...]) else {
            throw CommandFailure(
                "\(ShownText.line(value)) is no value of a \(kind.rawValue)", hint: "use letters, digits and hyphens",
                status: 2)
        }
        return "\(BrokerRevocations.path)/\(kind.rawValue)/\(value)"
    }
}

struct RevocationAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Trust something no more: its guests get nothing from then on.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var what: RevocationOptions
    @Option(help: "Why, for whoever reads the list.") var reason: String?

    func run() async throws {
        let body: JSONValue? = reason.map { ["reason": .string($0)] }
        let made = try await common.admin().json("PUT", try what.path(), body)
        let hardware = [.line, .root, .chip].contains(what.kind)
        common.show(
            made,
            text: "revoked \(what.kind.rawValue) \(what.value)"
                + (hardware ? "; all guests on hardware attest again" : ""))
    }
}

struct RevocationList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List what is trusted no more, since when, why and by whom.")

    @OptionGroup var common: BrokerOptions

    func run() async throws {
        let list = try await common.admin().json("GET", BrokerRevocations.path)
        let rows = (list.arrayValue ?? []).map { entry in
            [
                entry["kind"]?.stringValue ?? "", entry["value"]?.stringValue ?? "",
                entry["since"]?.integerValue.map(ReferenceTime.text) ?? "", entry["by"]?.stringValue ?? "",
                entry["reason"]?.stringValue ?? "",
            ]
        }
        common.show(list, text: rows.isEmpty ? "nothing is revoked" : TextTable.render(rows))
    }
}

struct RevocationRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a revocation back.", aliases: ["delete"])

    @OptionGroup var common: BrokerOptions
    @OptionGroup var what: RevocationOptions

    func run() async throws {
        try await common.admin().call(
            "DELETE", try what.path(), hints: [404: "`testudo broker revocations list` shows what is revoked"])
        common.show(
            ["removed": ["kind": .string(what.kind.rawValue), "value": .string(what.value)]],
            text: "\(what.kind.rawValue) \(what.value) is trusted again")
    }
}
