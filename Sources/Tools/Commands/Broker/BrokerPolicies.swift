import ArgumentParser
import Foundation
import WireFormat

/// `testudo broker policies`: who gets which resources, in Rego.
struct BrokerPolicies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policies",
        abstract: "Policies in Rego for the release of resources: one for all paths, and others by prefix.",
        subcommands: [PolicySet.self, PolicyList.self, PolicyShow.self, PolicyDelete.self],
        defaultSubcommand: PolicyList.self, aliases: ["policy"])

    static let path = "/kbs/v0/testudo/resource-policies"
    /// The name of the policy for all paths.
    static let global = "resource-policy"
    static let unknown = "`testudo broker policies list` shows the names"

    /// The path of a policy, whose name can stand in one.
    static func path(_ name: String) throws -> String {
        guard (1...64).contains(name.utf8.count),
            name.utf8.allSatisfy({ $0 == 45 || (48...57).contains($0) || (97...122).contains($0) })
        else {
            throw CommandFailure(
                "\(ShownText.line(name)) is no name of a policy",
                hint: "use 1 to 64 lower-case letters, digits and hyphens", status: 2)
        }
        return "\(path)/\(name)"
    }
}

struct PolicySet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set the policy for all paths, or with a name and --prefix the one for a prefix.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The policy's name (default: the policy for all paths).") var name = BrokerPolicies.global
    @Option(
        name: [.customLong("file"), .customLong("policy-file")],
        help: "The policy (package policy, rule allow); - for standard input.") var file: String
    @Option(help: "The first one to three segments of the paths for which it decides, for example default/key.")
    var prefix: String?
    @Option(
        help: """
            needed: the guest must be in good standing besides; not-needed: also guests that nobody registered and tokens of \
            other services.
            """) var registration = Standing.needed

    /// Whether guests have to be registered besides.
    enum Standing: String, ExpressibleByArgument, CaseIterable {
        case needed
        case notNeeded = "not-needed"
    }

    func validate() throws {
        guard (name == BrokerPolicies.global) == (prefix == nil) else {
            throw ValidationError(
                prefix == nil ? "a policy with a name needs --prefix" : "a policy with --prefix needs a name")
        }
    }

    func run() async throws {
        let path = try BrokerPolicies.path(name)
        let source =
            file == "-" ? Array(FileHandle.standardInput.readDataToEndOfFile()) : try GivenFile.bytes(file)
        var members: [String: JSONValue] = [
            "policy": .string(Base64.encodeURL(source)), "registration": .string(registration.rawValue),
        ]
        if let prefix { members["prefix"] = .string(prefix) }
        let hints = [400: "`testudo policy check \(file)` tells what is wrong with a policy"]
        if prefix == nil {
            _ = try await common.admin().json("POST", "/kbs/v0/resource-policy", .object(members), hints: hints)
        } else {
            _ = try await common.admin().json("PUT", path, .object(members), hints: hints)
        }
        common.show(
            [
                "id": .string(name), "prefix": .string(prefix ?? ""),
                "registration": .string(registration.rawValue),
            ], text: "\(name) decides for \(prefix.map { "\($0)/…" } ?? "all paths") from now on")
    }
}

struct PolicyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List policies: name, prefix, whether registrations count, SHA-384 of the text.")

    @OptionGroup var common: BrokerOptions

    func run() async throws {
        let policies = try await common.admin().json("GET", BrokerPolicies.path)
        let rows = (policies.arrayValue ?? []).map { policy in
            let prefix = policy["prefix"]?.stringValue ?? ""
            return [
                policy["id"]?.stringValue ?? "", prefix.isEmpty ? "all paths" : prefix,
                "registration \(policy["registration"]?.stringValue ?? "")",
                policy["sha384"]?.stringValue.map { String($0.prefix(16)) } ?? "",
            ]
        }
        common.show(
            policies,
            text: rows.isEmpty
                ? "no policies: guests get what their manifests are registered for" : TextTable.render(rows))
    }
}

struct PolicyShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Print the text of a policy.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The policy's name (default: the policy for all paths).") var name = BrokerPolicies.global

    func run() async throws {
        let bytes = try await common.admin().call(
            "GET", try BrokerPolicies.path(name), hints: [404: BrokerPolicies.unknown])
        let text = String(decoding: bytes, as: UTF8.self)
        common.show(["id": .string(name), "policy": .string(text)], text: text)
    }
}

struct PolicyDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Take a policy away; the next shorter prefix decides then, or the registrations of manifests.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The policy's name; \(BrokerPolicies.global) is the one for all paths.") var name: String

    func run() async throws {
        try await common.admin().call(
            "DELETE", try BrokerPolicies.path(name), hints: [404: BrokerPolicies.unknown])
        common.show(["deleted": .string(name)], text: "deleted \(name)")
    }
}
