import ArgumentParser
import Foundation
import Verifier
import WireFormat

/// `testudo broker manifests`: which pod manifests may have what.
struct BrokerManifests: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifests",
        abstract: "Registered pod manifests: which secrets, keys and names their guests may have.",
        discussion: "`testudo manifest register -f FILE` registers those of a Service.",
        subcommands: [ManifestSet.self, ManifestList.self, ManifestShow.self, ManifestRetire.self],
        defaultSubcommand: ManifestList.self, aliases: ["registrations"])

    static let unknown = "`testudo broker manifests list` shows the digests"

    /// The path of a manifest, by its digest with or without `sha256:`.
    static func path(_ digest: String) throws -> String {
        let hex = digest.hasPrefix("sha256:") ? String(digest.dropFirst(7)) : digest
        guard hex.utf8.count == 64, hex == hex.lowercased(), (try? Hex.decode(hex, field: "digest")) != nil else {
            throw CommandFailure(
                "\(ShownText.line(digest)) is no digest of a manifest",
                hint: "use 64 lower-case hexadecimal digits; `testudo manifest render` prints it", status: 2)
        }
        return "/kbs/v0/testudo/manifests/\(hex)"
    }

    static func row(_ entry: JSONValue) -> [String] {
        [
            entry["digest"]?.stringValue ?? "",
            "\(entry["namespace"]?.stringValue ?? "")/\(entry["name"]?.stringValue ?? "")",
            entry["state"]?.stringValue ?? "",
            "until \(entry["expires"]?.integerValue.map(ReferenceTime.text) ?? "")",
        ]
    }
}

struct ManifestSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Register a manifest as a document says: name, namespace, resources, keys.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The manifest's digest.") var digest: String
    @Option(help: "The registration (JSON), as the API takes it.") var file: String

    func run() async throws {
        let body: JSONValue
        do {
            body = try JSONValue.parse(try GivenFile.bytes(file))
        } catch let error as WireError {
            throw CommandFailure("\(file): \(error)", hint: "a registration is a JSON object", status: 2)
        }
        let made = try await common.admin().json("PUT", try BrokerManifests.path(digest), body)
        common.show(made, text: TextTable.render([BrokerManifests.row(made)]))
    }
}

struct ManifestList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List registered manifests, retired ones included.")

    @OptionGroup var common: BrokerOptions

    func run() async throws {
        let list = try await common.admin().manifests()
        common.show(
            .array(list),
            text: list.isEmpty ? "no manifest is registered" : TextTable.render(list.map(BrokerManifests.row)))
    }
}

struct ManifestShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the registration of a manifest.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The manifest's digest.") var digest: String

    func run() async throws {
        let found = try await common.admin().json(
            "GET", try BrokerManifests.path(digest), hints: [404: BrokerManifests.unknown])
        common.show(found, text: found.prettyText)
    }
}

struct ManifestRetire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire", abstract: "Retire a manifest: its guests get nothing from then on.",
        aliases: ["delete"])

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The manifest's digest.") var digest: String

    func run() async throws {
        try await common.admin().call(
            "DELETE", try BrokerManifests.path(digest), hints: [404: BrokerManifests.unknown])
        common.show(["retired": .string(digest)], text: "retired \(digest)")
    }
}
