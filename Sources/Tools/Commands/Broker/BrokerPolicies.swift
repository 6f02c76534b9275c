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

    /// What to do about a refusal of a policy, by its words.
    static func hint(_ detail: String, _ file: String) -> String? {
        if detail.contains("trust_claims it is an attestation policy") {
            return "`testudo broker attestation-policies set --file \(file)` sets one of those"
        }
        if detail.contains("allow it is a policy for resources") {
            return "`testudo broker policies set --file \(file)` sets one of those"
        }
        if detail.hasPrefix("policy: defines no rule") {
            return "write that rule in package policy; docs/BROKER.md, Policies, tells what it is asked"
        }
        return detail.hasPrefix("policy: ")
            ? "`testudo policy check \(file == "-" ? "FILE" : file)` tells what is wrong with a policy" : nil
    }

    /// Refuses a prefix that no resource's path can begin with.
    static func check(prefix: String) throws {
        let segments = prefix.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count <= 3 else {
            throw CommandFailure(
                "--prefix \(ShownText.line(prefix)) has \(segments.count) segments, and paths of resources have three",
                hint: "name the first one to three, for example default, default/key or default/key/one", status: 2)
        }
        guard segments.allSatisfy({ BrokerKeys.isSegment($0) }) else {
            throw CommandFailure(
                "--prefix \(ShownText.line(prefix)) is no beginning of a resource's path",
                hint:
                    "segments have letters, digits, dots, hyphens and underscores, with a slash between them: default/key",
                status: 2)
        }
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
        try prefix.map(BrokerPolicies.check)
        let source = try GivenFile.bytesOrInput(file)
        var members: [String: JSONValue] = [
            "policy": .string(Base64.encodeURL(source)), "registration": .string(registration.rawValue),
        ]
        if let prefix { members["prefix"] = .string(prefix) }
        let hints = [
            409: "`testudo broker policies list` shows names and prefixes; a policy of the same name is replaced"
        ]
        _ = try await common.admin().json(
            prefix == nil ? "POST" : "PUT", prefix == nil ? "/kbs/v0/resource-policy" : path, .object(members),
            hints: hints
        ) { BrokerPolicies.hint($0, file) }
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
