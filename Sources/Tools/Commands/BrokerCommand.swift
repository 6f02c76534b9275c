import ArgumentParser
import Foundation
import WireFormat

/// `testudo broker`: all that an administrator does with a key broker.
struct BrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "The key broker: what it keeps, to whom it gives it, and why it decides as it does.",
        discussion: """
            The commands call the broker of `testudo up`, or with --broker URL --ca FILE --admin-key FILE any other one \
            (TESTUDO_BROKER, TESTUDO_BROKER_CA and TESTUDO_BROKER_ADMIN_KEY say the same).
            """,
        subcommands: [
            BrokerInit.self, BrokerAdministrators.self, BrokerResources.self, BrokerPolicies.self,
            BrokerAttestationPolicies.self, BrokerManifests.self, BrokerRevocations.self, BrokerExplain.self,
            BrokerKeys.self, BrokerAuthority.self,
            BrokerTenants.self, BrokerTokenKey.self, BrokerCookieKey.self, BrokerAudit.self,
        ])
}

/// `testudo broker explain`: would this token get this resource, and why not?
struct BrokerExplain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell whether a token, or claims like a token's, would get a resource, and which check says so.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The resource, for example default/env/api-key.") var resource: String
    @Option(help: "A file with a token.") var token: String?
    @Option(help: "A file with claims (JSON), which are taken as they are.") var claims: String?
    @Option(help: "A parameter of the request, NAME=VALUE; may be given several times.") var query: [String] = []
    @Flag(help: "Show what the policy in Rego tried.") var trace = false

    func validate() throws {
        guard (token == nil) != (claims == nil) else {
            throw ValidationError("name either --token FILE or --claims FILE")
        }
        for pair in query where !pair.contains("=") { throw ValidationError("--query takes NAME=VALUE") }
    }

    func run() async throws {
        let admin = try common.admin()
        let answer = try await admin.json("POST", "/kbs/v0/testudo/explain", try question())
        common.show(answer, text: Self.text(answer, trace: trace))
        guard answer["allowed"]?.boolValue == true else { throw ExitCode(1) }
    }

    /// The body of the call.
    func question() throws -> JSONValue {
        var members: [String: JSONValue] = ["resource": .string(try KeyCommand.path(resource))]
        if let token {
            let text = try GivenFile.text(token).trimmingCharacters(in: .whitespacesAndNewlines)
            members["token"] = .string(text)
        }
        if let claims {
            members["claims"] = try GivenFile.json(claims)
        }
        var parameters: [String: JSONValue] = [:]
        for pair in query {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            parameters[String(parts[0])] = .string(String(parts[1]))
        }
        members["query"] = .object(parameters)
        return .object(members)
    }

    /// One line for the answer and one for each check.
    static func text(_ answer: JSONValue, trace: Bool) -> String {
        var lines = [answer["allowed"]?.boolValue == true ? "allowed" : "denied"]
        for decision in answer["decisions"]?.arrayValue ?? [] {
            let sign = decision["allowed"]?.boolValue == true ? "yes" : "no"
            let (check, reason) = (decision["check"]?.stringValue ?? "", decision["reason"]?.stringValue ?? "")
            lines.append("  \(sign)  \(ShownText.line(check)): \(ShownText.line(reason))")
        }
        if trace, let policy = answer["policy"]?.stringValue {
            lines += policy.split(separator: "\n").map { "  " + ShownText.lines($0) }
        }
        return lines.joined(separator: "\n")
    }
}
