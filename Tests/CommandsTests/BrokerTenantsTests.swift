import AuditTrail
import Crypto
import CryptoExtras
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands
@testable import KeyBroker

@Suite("testudo broker tenants, testudo broker audit")
struct BrokerTenantsTests {
    @Test func `a tenant is set from files and shown with what it has of what it may have`() async throws {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            let key = folder.path + "/ann.pub"
            try StateFolder.write(Curve25519.Signing.PrivateKey().publicKey.pemRepresentation, to: key)
            let command = try TenantSet.parse([
                "acme", "--admin", "ann=\(key)", "--repository", "acme", "--namespace", "acme", "--resources", "3",
            ])
            let admin = try stage.admin()
            let made = try await admin.json("PUT", "\(BrokerTenants.path)/acme", try command.body())
            try await admin.call("POST", "/kbs/v0/resource/acme/key/one", body: [1, 2])
            let listed = try await admin.json("GET", BrokerTenants.path)
            #expect(listed[0]?["admins"]?[0]?["name"] == "ann" && made["name"] == "acme")
            #expect(
                BrokerTenants.line(try #require(listed[0]))
                    == "acme  repositories acme  namespaces acme  resources 1 of 3, bytes 2, manifests 0")
        }
    }

    @Test func `set changes what it names and says what a replacement takes away`() async throws {
        try await BrokerStage.run { stage in
            let folder = try ScratchFolder()
            try await BrokerStage.enter(["broker", "admin", "keygen", folder.path + "/ann"])
            try await BrokerStage.enter(["broker", "admin", "keygen", folder.path + "/bob"])
            func set(_ words: String...) async throws {
                try await BrokerStage.enter(["broker", "tenants", "set", "acme"] + words + stage.named)
            }
            func shown() async throws -> JSONValue { try await stage.admin().json("GET", "\(BrokerTenants.path)/acme") }
            try await set(
                "--admin", "ann=\(folder.path)/ann.pub", "--repository", "acme", "--namespace", "acme", "--resources",
                "3",
                "--bytes", "100")
            try await set("--repository", "more", "--namespace", "other", "--manifests", "2", "--bytes", "none")
            var tenant = try await shown()
            #expect(tenant["repositories"] == ["acme", "more"] && tenant["namespaces"] == ["acme", "other"])
            #expect(tenant["admins"]?[0]?["name"] == "ann" && tenant["quota"] == ["resources": 3, "manifests": 2])
            // The usual domains follow the namespaces.
            #expect(tenant["domains"]?.arrayValue?.contains("other.localhost") == true)
            try await set(
                "--domain", "acme.example", "--admin", "bob=\(folder.path)/bob.pub", "--remove-repository", "more")
            tenant = try await shown()
            #expect(tenant["domains"] == ["acme.example"] && tenant["repositories"] == ["acme"])
            #expect(tenant["admins"]?.arrayValue?.count == 2)
            try await set("--namespace", "third")
            #expect(try await shown()["domains"] == ["acme.example"])
            let missing = try await BrokerStage.complaint(
                ["broker", "tenants", "set", "acme", "--remove-namespace", "nothing"] + stage.named)
            #expect(missing.hint == "it has acme, other, third")
            tenant = try await shown()
            try await set("--admin", "bob=\(folder.path)/bob.pub", "--repository", "acme", "--replace")
            let lost = TenantSet.lost(tenant, try await shown())
            #expect(
                lost == [
                    "administrator ann", "namespace acme", "namespace other", "namespace third", "domain acme.example",
                    "quota manifests 2", "quota resources 3",
                ])
            #expect(throws: (any Error).self) {
                try TenantSet.parse(["acme", "--replace", "--remove-admin", "ann"])
            }
            try await BrokerStage.enter(["broker", "tenants", "delete", "acme"] + stage.named)
            #expect(try await stage.admin().json("GET", BrokerTenants.path) == [])
        }
    }

    @Test func `set undoes nothing that somebody else set meanwhile`() async throws {
        try await BrokerStage.run { stage in
            let admin = try stage.admin()
            func shown() async throws -> JSONValue? { try await admin.json("GET", BrokerTenants.path)[0] }
            func set(_ words: String..., over before: JSONValue?) async throws {
                _ = try await TenantSet.parse(["acme"] + words).put(over: before, admin)
            }
            try await set("--repository", "acme", over: nil)
            let before = try await shown()
            try await set("--repository", "theirs", over: before)
            for stale in [before, nil] {
                do {
                    try await set("--repository", "ours", over: stale)
                    Issue.record("what somebody else set was undone")
                } catch let failure as CommandFailure {
                    #expect(failure.hint?.contains("tenants show acme") == true, "\(failure)")
                }
            }
            try await BrokerStage.enter(["broker", "tenants", "set", "acme", "--repository", "ours"] + stage.named)
            #expect(try await shown()?["repositories"] == ["acme", "theirs", "ours"])
        }
    }

    @Test(arguments: ["../x", "", "A", "a/b", "%61"])
    func `a name that cannot stand in a path is not sent`(name: String) {
        #expect(throws: CommandFailure.self) { try TenantSet.checked(name) }
    }

    @Test func `the audit log is whole up to the line that the store knows, and no longer when that is cut off`()
        async throws
    {
        try await BrokerStage.run { stage in
            let admin = try stage.admin()
            for number in 1...3 { try await admin.call("POST", "/kbs/v0/resource/a/b/\(number)", body: [1]) }
            let known = try await admin.json("GET", "/kbs/v0/testudo/audit/head")
            let head = try #require(known["single"]?.stringValue.flatMap { AuditHead($0) })
            let path = stage.state.broker + "/audit.jsonl"
            let paths = try AuditVerify.files(path)
            let whole = try AuditVerify.check(paths, heads: [head])
            #expect(paths == [path] && whole.breaks.isEmpty)
            #expect(AuditVerify.text(whole, paths).hasPrefix("whole: "))
            let folder = try ScratchFolder()
            let lines = [UInt8](try Data(contentsOf: URL(filePath: path))).split(separator: 10).map { Array($0) }
            func broken(_ lines: [[UInt8]]) throws -> JSONValue {
                let copy = try folder.write(UUID().uuidString, Array(lines.joined(separator: [10])) + [10])
                return AuditVerify.json(try AuditVerify.check([copy], heads: [head]), [copy])
            }
            #expect(try broken(lines)["whole"] == true)
            for changed in [Array(lines.prefix(1)), [lines[0]] + lines.dropFirst(2), lines.reversed()] {
                let answer = try broken(changed)
                #expect(answer["whole"] == false && answer["breaks"]?[0]?["reason"]?.stringValue?.isEmpty == false)
            }
        }
    }
}
