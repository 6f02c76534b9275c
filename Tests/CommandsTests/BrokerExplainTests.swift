import ArgumentParser
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands
@testable import KeyBroker

@Suite("testudo broker explain")
struct BrokerExplainTests {
    private static let policy = "package policy\ndefault allow := false\nallow if input.owner == data.query.owner\n"

    @Test func `tells what each check says of a token or of claims`() async throws {
        try await BrokerStage.run { stage in
            let admin = try stage.admin()
            let folder = try ScratchFolder()
            try await admin.call("POST", "/kbs/v0/resource/default/key/one", body: [1])
            _ = try await admin.json(
                "POST", "/kbs/v0/resource-policy",
                [
                    "policy": .string(Base64.encodeURL(Array(Self.policy.utf8))), "registration": "not-needed",
                ])
            try StateFolder.write(#"{"owner":"Alice"}"#, to: folder.path + "/claims.json")
            try StateFolder.write("no token\n", to: folder.path + "/token")
            func answer(_ arguments: String...) async throws -> JSONValue {
                let command = try BrokerExplain.parse(arguments)
                return try await admin.json("POST", "/kbs/v0/testudo/explain", try command.question())
            }
            let claims = folder.path + "/claims.json"
            let path = "kbs:///default/key/one"
            let allowed = try await answer(path, "--claims", claims, "--query", "owner=Alice")
            #expect(allowed["allowed"] == true)
            #expect(BrokerExplain.text(allowed, trace: false).hasPrefix("allowed\n  yes  claims:"))
            let denied = try await answer(path, "--claims", claims, "--query", "owner=Bob=x")
            let text = BrokerExplain.text(denied, trace: true)
            #expect(text.hasPrefix("denied\n"))
            #expect(text.contains("  no  policy-resource-policy: the policy does not allow it"))
            #expect(text.split(separator: "\n").count > 4)
            let token = try await answer(path, "--token", folder.path + "/token")
            #expect(BrokerExplain.text(token, trace: false).contains("  no  token-signature:"))
        }
    }

    @Test func `the example of claims is a guest that the broker understands`() async throws {
        try await BrokerStage.run { stage in
            let admin = try stage.admin()
            try await admin.call("POST", "/kbs/v0/resource/default/env/api-key", body: [1])
            let file = URL(filePath: #filePath).appending(path: "../../../examples/explain/claims.json").standardized
                .path
            let question = try BrokerExplain.parse(["default/env/api-key", "--claims", file]).question()
            func answer() async throws -> String {
                BrokerExplain.text(
                    try await admin.json("POST", "/kbs/v0/testudo/explain", question), trace: false)
            }
            #expect(try await answer().contains("no  manifest-unregistered:"))
            let policy = "package policy\nallow if input.submods.cpu0[\"ear.status\"] == \"affirming\"\n"
            _ = try await admin.json(
                "POST", "/kbs/v0/resource-policy",
                ["policy": .string(Base64.encodeURL(Array(policy.utf8))), "registration": "not-needed"])
            #expect(try await answer().hasPrefix("allowed\n"))
        }
    }

    @Test(arguments: [
        ["a/b/c"], ["a/b/c", "--token", "t", "--claims", "c"], ["a/b/c", "--token", "t", "--query", "x"], [],
    ])
    func `asks for one of the two, and for parameters with a value`(arguments: [String]) {
        #expect(throws: (any Error).self) { try BrokerExplain.parse(arguments) }
    }
}
