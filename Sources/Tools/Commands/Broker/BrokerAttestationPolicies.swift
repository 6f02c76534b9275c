import ArgumentParser
import Foundation
import WireFormat

/// `testudo broker attestation-policies`: what judges evidence.
struct BrokerAttestationPolicies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attestation-policies",
        abstract: "Policies in Rego that judge evidence: what counts as a guest that runs what is known.",
        discussion: """
            The one called \(inForce) judges, in place of the one that the configuration names; others are kept.
            """,
        subcommands: [
            AttestationPolicySet.self, AttestationPolicyList.self, AttestationPolicyShow.self,
            AttestationPolicyDelete.self,
        ],
        defaultSubcommand: AttestationPolicyList.self, aliases: ["attestation-policy"])

    static let inForce = "default_cpu"
    static let path = "/kbs/v0/testudo/attestation-policies"
    static let unknown = "`testudo broker attestation-policies list` shows the names"

    static func path(_ name: String) throws -> String {
        guard BrokerKeys.isSegment(name[...]) else {
            throw CommandFailure(
                "\(ShownText.line(name)) is no name of an attestation policy",
                hint: "use letters, digits, dots, hyphens and underscores", status: 2)
        }
        return "\(path)/\(name)"
    }
}

struct AttestationPolicySet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set an attestation policy; sessions and tokens of before stay until they end.")

    @OptionGroup var common: BrokerOptions
    @Option(help: "The policy's name.") var id = BrokerAttestationPolicies.inForce
    @Option(
        name: [.customLong("file"), .customLong("policy-file")],
        help: "The policy (package policy, rule trust_claims); - for standard input.") var file: String
    @Option(help: "For those who know kbs-client: rego.") var type = "rego"

    func validate() throws {
        guard type == "rego" else { throw ValidationError("--type is rego") }
    }

    func run() async throws {
        _ = try BrokerAttestationPolicies.path(id)
        let source = try GivenFile.bytesOrInput(file)
        _ = try await common.admin().json(
            "POST", "/kbs/v0/attestation-policy",
            ["policy_id": .string(id), "policy": .string(Base64.encodeURL(source)), "type": "rego"]
        ) { BrokerPolicies.hint($0, file) }
        let isInForce = id == BrokerAttestationPolicies.inForce
        common.show(
            ["id": .string(id), "inForce": .bool(isInForce)],
            text: isInForce
                ? "\(id) judges evidence from now on"
                : "\(id) is kept; \(BrokerAttestationPolicies.inForce) is the one that judges")
    }
}

struct AttestationPolicyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List attestation policies: name, whether it judges, SHA-384 of the text.")

    @OptionGroup var common: BrokerOptions

    func run() async throws {
        let policies = try await common.admin().json("GET", BrokerAttestationPolicies.path)
        let rows = (policies.arrayValue ?? []).map { policy in
            [
                policy["id"]?.stringValue ?? "", policy["inForce"]?.boolValue == true ? "judges" : "kept",
                policy["sha384"]?.stringValue.map { String($0.prefix(16)) } ?? "",
            ]
        }
        common.show(
            policies, text: rows.isEmpty ? "the policy of the configuration judges" : TextTable.render(rows))
    }
}

struct AttestationPolicyShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print the text of an attestation policy.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The policy's name.") var name = BrokerAttestationPolicies.inForce

    func run() async throws {
        let bytes = try await common.admin().call(
            "GET", try BrokerAttestationPolicies.path(name), hints: [404: BrokerAttestationPolicies.unknown])
        let text = String(decoding: bytes, as: UTF8.self)
        common.show(["id": .string(name), "policy": .string(text)], text: text)
    }
}

struct AttestationPolicyDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Take an attestation policy away; the configuration's judges then.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The policy's name.") var name: String

    func run() async throws {
        try await common.admin().call(
            "DELETE", try BrokerAttestationPolicies.path(name), hints: [404: BrokerAttestationPolicies.unknown])
        common.show(["deleted": .string(name)], text: "deleted \(name)")
    }
}
