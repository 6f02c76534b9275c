import ArgumentParser
import Foundation
import Verifier
import WireFormat

/// `testudo broker resources`: the secrets that attested guests get. Their content goes in and never comes out here.
struct BrokerResources: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resources",
        abstract: "Store, list and delete secrets; an administrator never sees their content.",
        subcommands: [
            ResourceSet.self, ResourceList.self, ResourceShow.self, ResourceVersions.self, ResourceDelete.self,
        ],
        defaultSubcommand: ResourceList.self, aliases: ["resource"])

    /// The words for one version: number, size, dates.
    static func line(_ version: JSONValue, now: Int64 = ReferenceValueFile.now) -> String {
        func time(_ member: String) -> String? { version[member]?.integerValue.map(ReferenceTime.text) }
        var line = "version \(version["version"]?.integerValue ?? 0)  \(version["size"]?.integerValue ?? 0) bytes"
        if let created = time("created") { line += "  stored \(created)" }
        if let expires = time("expires") {
            line += (version["expires"]?.integerValue ?? 0) > now ? "  expires \(expires)" : "  expired \(expires)"
        }
        return line
    }
}

/// A resource's path, as an argument or as `kbs-client` has it.
struct ResourceOptions: ParsableArguments {
    @Argument(help: "The resource, for example default/env/api-key.") var resource: String?
    @Option(name: .customLong("path"), help: "The resource, for those who know kbs-client.") var path: String?

    func validate() throws {
        guard (resource == nil) != (path == nil) else {
            throw ValidationError("name a resource, for example default/env/api-key")
        }
    }

    func checked() throws -> String { try KeyCommand.path(resource ?? path ?? "") }
}

struct ResourceSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Store the next version of a secret, from a file or standard input.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var named: ResourceOptions
    @Option(
        name: [.customLong("file"), .customLong("resource-file")],
        help: "The file with the secret; standard input when absent.") var file: String?
    @Option(
        help: ArgumentHelp(
            "When it is given to nobody any more: a time such as 2027-01-31T00:00:00Z, or seconds since 1970.",
            valueName: "time")) var expires: String?

    func validate() throws {
        if let expires, Int64(expires) == nil, ReferenceTime.seconds(parsing: expires) == nil {
            throw ValidationError("--expires \(expires): not a time such as 2027-01-31T00:00:00Z")
        }
    }

    func run() async throws {
        let (admin, path) = (try common.admin(), try named.checked())
        let bytes = try file.map(GivenFile.bytes) ?? Array(FileHandle.standardInput.readDataToEndOfFile())
        guard !bytes.isEmpty else {
            throw CommandFailure(
                "\(file ?? "standard input") is empty", hint: "a secret has one byte or more", status: 2)
        }
        let query = try expires.map { text -> String in
            guard let seconds = Int64(text) ?? ReferenceTime.seconds(parsing: text) else { return "" }
            guard seconds > ReferenceValueFile.now else {
                throw CommandFailure("--expires \(text) is in the past", hint: "name a time to come", status: 2)
            }
            return "?expires=\(seconds)"
        }
        _ = try await admin.call(
            "POST", "/kbs/v0/resource/\(path)\(query ?? "")", body: bytes, type: "application/octet-stream")
        var members: [String: JSONValue] = [
            "resource": .string("kbs:///\(path)"), "bytes": .integer(Int64(bytes.count)),
        ]
        let kept = try? await admin.json("GET", "/kbs/v0/testudo/resources/\(path)")
        let version = kept?["versions"]?.arrayValue?.last?["version"]?.integerValue
        if let version { members["version"] = .integer(version) }
        common.show(
            .object(members),
            text: "stored kbs:///\(path)\(version.map { ", version \($0)" } ?? ""), \(bytes.count) bytes")
    }
}

struct ResourceList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List secrets with their present version, never their content.")

    @OptionGroup var common: BrokerOptions
    @Option(help: "List those of this repository only.") var repository: String?

    func run() async throws {
        let all = try await common.admin().json("GET", "/kbs/v0/resource").arrayValue ?? []
        let shown = all.filter { entry in
            guard let repository else { return true }
            return entry["path"]?.stringValue?.hasPrefix(repository + "/") == true
        }
        common.show(
            .array(shown),
            text: shown.isEmpty
                ? "no secrets\(repository.map { " in repository \($0)" } ?? "")"
                : shown.map { "kbs:///\($0["path"]?.stringValue ?? "")  \(BrokerResources.line($0))" }
                    .joined(separator: "\n"))
    }
}

struct ResourceVersions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions", abstract: "List the kept versions of a secret.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var named: ResourceOptions

    func run() async throws {
        let path = try named.checked()
        let answer = try await common.admin().json(
            "GET", "/kbs/v0/testudo/resources/\(path)",
            hints: [404: "`testudo broker resources list` shows what is there"])
        let versions = answer["versions"]?.arrayValue ?? []
        common.show(answer, text: versions.map { BrokerResources.line($0) }.joined(separator: "\n"))
    }
}

struct ResourceShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract:
            "Show what is known of a secret: its present version, size and dates; its content goes to guests only.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var named: ResourceOptions

    func run() async throws {
        let path = try named.checked()
        let answer = try await common.admin().json(
            "GET", "/kbs/v0/testudo/resources/\(path)",
            hints: [404: "`testudo broker resources list` shows what is there"])
        guard let present = answer["versions"]?.arrayValue?.last else {
            throw CommandFailure("the key broker told no version of kbs:///\(path)")
        }
        var members = present.objectValue ?? [:]
        members["path"] = .string(path)
        members["kept"] = .integer(Int64(answer["versions"]?.arrayValue?.count ?? 0))
        common.show(.object(members), text: "kbs:///\(path)  \(BrokerResources.line(present))")
    }
}

struct ResourceDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a secret with all its versions, or an old version of it.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var named: ResourceOptions
    @Option(name: .customLong("version"), help: "Delete this old version only.") var number: Int64?

    func run() async throws {
        let path = try named.checked()
        try await common.admin().call(
            "DELETE", "/kbs/v0/resource/\(path)" + (number.map { "?version=\($0)" } ?? ""),
            hints: [404: "`testudo broker resources list` shows what is there"]
        ) { detail in
            detail.contains("no version") || detail.contains("present version")
                ? "`testudo broker resources versions \(path)` lists those that are kept; without --version the whole secret is deleted"
                : nil
        }
        var members: [String: JSONValue] = ["deleted": .string("kbs:///\(path)")]
        if let number { members["version"] = .integer(number) }
        common.show(.object(members), text: "deleted kbs:///\(path)" + (number.map { ", version \($0)" } ?? ""))
    }
}
