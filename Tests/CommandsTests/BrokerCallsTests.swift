import ArgumentParser
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands
@testable import KeyBroker

@Suite("Commands for resources, policies, manifests and revocations", .serialized, .timeLimit(.minutes(2)))
struct BrokerCallsTests {
    @Test func `secrets are stored, listed by version and deleted`() async throws {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            let file = try folder.write("secret", [1, 2])
            func call(_ words: String...) async throws {
                try await BrokerStage.enter(["broker", "resources"] + words + stage.named)
            }
            try await call("set", "a/b/c", "--file", file)
            // As kbs-client says it.
            try await call("set", "--path", "a/b/c", "--resource-file", file, "--expires", "2101-01-31T00:00:00Z")
            let path = try ResourcePath(parsing: "a/b/c")
            let versions = try #require(try await stage.broker.store.storedResource(path)).versions
            #expect(versions.map(\.number) == [1, 2] && versions[1].expires == 4_136_572_800)
            try await call("list", "--repository", "a")
            try await call("versions", "kbs:///a/b/c")
            try await call("show", "a/b/c")
            try await call("delete", "a/b/c", "--version", "1")
            #expect(try await stage.broker.store.storedResource(path)?.versions.map(\.number) == [2])
            try await call("delete", "a/b/c")
            #expect(try await stage.broker.store.storedResource(path) == nil)
            for words in [["show", "a/b/c"], ["versions", "a/b/c"], ["delete", "a/b/c"]] {
                let gone = try await BrokerStage.complaint(["broker", "resources"] + words + stage.named)
                #expect(gone.hint?.contains("resources list") == true, "\(words): \(gone)")
            }
            try await call("set", "a/b/c", "--file", file)
            for version in ["99", "3"] {
                let words = ["broker", "resources", "delete", "a/b/c", "--version", version]
                let refused = try await BrokerStage.complaint(words + stage.named)
                #expect(refused.what.contains(version == "99" ? "no version 99" : "present version"), "\(refused)")
                #expect(refused.hint?.contains("resources versions a/b/c") == true, "\(refused)")
            }
            let empty = try await BrokerStage.complaint(
                ["broker", "resources", "set", "a/b/c", "--file", "/dev/null"] + stage.named)
            #expect(empty.status == 2)
            let past = try await BrokerStage.complaint(
                ["broker", "resources", "set", "a/b/c", "--file", file, "--expires", "5"] + stage.named)
            #expect(past.what.contains("in the past"))
            for wrong in [[], ["a/b/c", "--path", "a/b/c"], ["a/b/c", "--expires", "tomorrow"]] {
                #expect(throws: (any Error).self) { try ResourceSet.parse(wrong) }
            }
        }
    }

    @Test func `a version that expired is shown as expired`() {
        let version: JSONValue = ["version": 2, "size": 3, "created": 0, "expires": 60]
        #expect(
            BrokerResources.line(version, now: 59)
                == "version 2  3 bytes  stored 1970-01-01T00:00:00Z  expires 1970-01-01T00:01:00Z")
        #expect(BrokerResources.line(version, now: 60).hasSuffix("expired 1970-01-01T00:01:00Z"))
    }

    @Test func `policies are set for all paths and for prefixes, shown and deleted`() async throws {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            let text = "package policy\ndefault allow := true\n"
            let file = try folder.write("policy.rego", Array(text.utf8))
            func call(_ words: String...) async throws {
                try await BrokerStage.enter(["broker", "policies"] + words + stage.named)
            }
            try await call("list")
            try await call("set", "--file", file)
            try await call(
                "set", "keys", "--policy-file", file, "--prefix", "default/key", "--registration", "not-needed")
            let admin = try stage.admin()
            let all = try await admin.json("GET", BrokerPolicies.path).arrayValue ?? []
            #expect(all.count == 2 && all.contains { $0["id"] == "resource-policy" && $0["registration"] == "needed" })
            #expect(
                all.contains {
                    $0["id"] == "keys" && $0["prefix"] == "default/key" && $0["registration"] == "not-needed"
                })
            #expect(try await admin.call("GET", try BrokerPolicies.path("keys")) == Array(text.utf8))
            try await call("show")
            try await call("show", "keys")
            try await call("list")
            try await call("delete", "keys")
            let gone = try await BrokerStage.complaint(["broker", "policies", "delete", "keys"] + stage.named)
            #expect(gone.hint == BrokerPolicies.unknown)
            let broken = try await BrokerStage.complaint(
                ["broker", "policies", "set", "--file", try folder.write("broken.rego", Array("no rego".utf8))]
                    + stage.named)
            #expect(broken.hint?.contains("policy check") == true, "\(broken)")
            // Several lines stay several lines, and what a terminal obeys is escaped.
            let unreadable = "package policy\n# \u{1b}[2K\nallow if {\n  foo(\n"
            for kind in ["policies", "attestation-policies"] {
                let unread = try await BrokerStage.complaint(
                    ["broker", kind, "set", "--file", try folder.write("unread.rego", Array(unreadable.utf8))]
                        + stage.named)
                #expect(unread.what.contains("\n") && !unread.what.contains("\\n"), "\(kind): \(unread)")
                #expect(unread.hint?.contains("policy check") == true, "\(kind): \(unread)")
            }
            // One kind of policy in the place of the other would never be asked.
            let other = try folder.write("other.rego", Array("package policy\ntrust_claims.executables := 3\n".utf8))
            let neither = try folder.write("neither.rego", Array("package policy\nrule := true\n".utf8))
            for (kind, file, says, hint) in [
                ("policies", other, "no rule allow", "attestation-policies set"),
                ("attestation-policies", file, "no rule trust_claims", "broker policies set"),
                ("policies", neither, "no rule allow", "docs/BROKER.md"),
                ("attestation-policies", neither, "no rule trust_claims", "docs/BROKER.md"),
            ] {
                let refused = try await BrokerStage.complaint(["broker", kind, "set", "--file", file] + stage.named)
                #expect(refused.what.contains(says) && refused.hint?.contains(hint) == true, "\(kind): \(refused)")
            }
            #expect(stage.broker.attestationPolicies.all.isEmpty)
            #expect(throws: CommandFailure.self) { try BrokerPolicies.path("../x") }
            for wrong in [["--file", "f", "--prefix", "a"], ["keys", "--file", "f"]] {
                #expect(throws: (any Error).self) { try PolicySet.parse(wrong) }
            }
        }
    }

    @Test func `attestation policies are set as kbs-client does it, shown and deleted`() async throws {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            let text = "package policy\nimport rego.v1\ntrust_claims := {\"executables\": 3}\n"
            let file = try folder.write("policy.rego", Array(text.utf8))
            func call(_ words: String...) async throws {
                try await BrokerStage.enter(["broker", "attestation-policies"] + words + stage.named)
            }
            try await call("list")
            try await call("set", "--type", "rego", "--id", "default_cpu", "--policy-file", file)
            try await call("set", "--id", "other", "--file", file)
            #expect(stage.broker.attestationPolicies.all.map(\.id) == ["default_cpu", "other"])
            #expect(stage.broker.attestationPolicies.source == text)
            try await call("show")
            try await call("list")
            try await call("delete", "default_cpu")
            #expect(stage.broker.attestationPolicies.source == nil)
            let gone = try await BrokerStage.complaint(
                ["broker", "attestation-policies", "show", "default_cpu"] + stage.named)
            #expect(gone.hint == BrokerAttestationPolicies.unknown)
            #expect(throws: CommandFailure.self) { try BrokerAttestationPolicies.path("../x") }
            #expect(throws: (any Error).self) { try AttestationPolicySet.parse(["--file", "f", "--type", "wasm"]) }
        }
    }

    @Test func `revocations are added, listed and taken back`() async throws {
        try await BrokerStage.run { stage in
            func call(_ words: String...) async throws {
                try await BrokerStage.enter(["broker", "revocations"] + words + stage.named)
            }
            try await call("list")
            let instance = String(repeating: "ab", count: 16)
            try await call("add", "instance", instance, "--reason", "stolen")
            try await call("add", "line", "milan")
            try await call("list")
            let all = stage.broker.revocations.snapshot.all
            #expect(all.map(\.name).sorted() == ["instance=\(instance)", "line=milan"])
            #expect(all.contains { $0.reason == "stolen" && $0.by == AdministratorName.account })
            try await call("remove", "instance", instance)
            #expect(stage.broker.revocations.snapshot.all.map(\.name) == ["line=milan"])
            let gone = try await BrokerStage.complaint(
                ["broker", "revocations", "remove", "instance", instance] + stage.named)
            #expect(gone.hint?.contains("revocations list") == true)
            let wrong = try await BrokerStage.complaint(
                ["broker", "revocations", "add", "instance", "zz"] + stage.named)
            #expect(wrong.what.contains("value"), "\(wrong)")
            let path = try await BrokerStage.complaint(
                ["broker", "revocations", "add", "chip", "../x"] + stage.named)
            #expect(path.status == 2)
            #expect(throws: (any Error).self) { try RevocationAdd.parse(["house", "x"]) }
        }
    }

    @Test func `manifests are registered from a document, shown and retired; tokens and sessions get new keys`()
        async throws
    {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            let digest = String(repeating: "cd", count: 32)
            let document: JSONValue = [
                "name": "hello", "namespace": "default", "resources": ["default/key/one"],
                "measurements": "any-reference", "guestVersion": "0.1.0",
            ]
            let file = try folder.write("registration.json", document.canonicalBytes)
            func call(_ words: String...) async throws {
                try await BrokerStage.enter(["broker", "manifests"] + words + stage.named)
            }
            try await call("list")
            try await call("set", "sha256:\(digest)", "--file", file)
            try await call("show", digest)
            try await call("list")
            #expect(try await stage.broker.store.registration(digest)?.state == .active)
            try await call("retire", digest)
            #expect(try await stage.broker.store.registration(digest)?.state == .retired)
            for wrong in ["", "abc", digest.uppercased(), "../\(digest.dropFirst(3))"] {
                #expect(throws: CommandFailure.self) { try BrokerManifests.path(wrong) }
            }
            let unknown = String(repeating: "0", count: 64)
            let gone = try await BrokerStage.complaint(["broker", "manifests", "show", unknown] + stage.named)
            #expect(gone.hint == BrokerManifests.unknown)
            let before = stage.broker.tokens.keySet
            try await BrokerStage.enter(["broker", "token-key", "rotate"] + stage.named)
            #expect(stage.broker.tokens.keySet != before)
            try await BrokerStage.enter(["broker", "cookie-key", "rotate"] + stage.named)
            let soon = try await BrokerStage.complaint(["broker", "cookie-key", "rotate"] + stage.named)
            #expect(soon.what.contains("changed less than") && soon.hint == "try again later")
        }
    }
}
