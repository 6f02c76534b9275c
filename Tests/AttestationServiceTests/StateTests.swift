import Foundation
import TestSupport
import Testing
import WireFormat

/// What a service with `--state` still knows when it starts again.
@Suite("A service that starts again", .enabled(if: areInstalled("curl")))
struct StateTests {
    private static func start(_ state: ScratchFolder, _ more: [String] = []) throws -> ServiceProcess {
        try ServiceProcess(["--state", state.path + "/state"] + more, keepsKey: false)
    }

    private static func keys(_ service: ServiceProcess) throws -> [String?] {
        try JSONValue.parse(try service.http("/.well-known/jwks.json").body)["keys"]?.arrayValue?
            .map { $0["kid"]?.stringValue } ?? []
    }

    private static func policy(_ name: String, _ source: String) -> [UInt8] {
        JSONValue.object(["policy_id": .string(name), "policy": .string(Base64.encodeURL(Array(source.utf8)))])
            .canonicalBytes
    }

    @Test func `policies and keys are there again, and a key that took over too`() throws {
        let folder = try ScratchFolder()
        let admin = ServiceProcess.adminToken
        var first: ServiceProcess? = try Self.start(folder)
        let former = try Self.keys(try #require(first))
        #expect(former.count == 1)
        let good = Self.policy("mine", "package policy\ntrust_claims := {\"executables\": 3}\n")
        #expect(try first?.http("/policy", token: admin, body: good).status == "200")
        // What is refused is not kept: it would keep the service from starting.
        #expect(try first?.http("/policy", token: admin, body: Self.policy("mine", "package")).status == "400")
        #expect(try first?.http("/policy", token: admin, body: Self.policy("../out", "package policy")).status == "400")
        #expect(try first?.http("/token-key", token: ServiceProcess.clientToken, body: []).status == "403")
        #expect(try first?.http("/token-key", body: []).status == "401")
        let rotated = try #require(try first?.http("/token-key", token: admin, body: []))
        let name = try JSONValue.parse(rotated.body)["kid"]?.stringValue
        #expect(rotated.status == "200" && name != nil && !former.contains(name))
        #expect(throws: (any Error).self) { try Self.start(folder) }
        first = nil
        let second = try Self.start(folder)
        #expect(try Self.keys(second) == [name] + former)
        let names = try JSONValue.parse(try second.http("/policy", token: admin).body)
        #expect(names == [["policy-id": "default"], ["policy-id": "mine"]])
        for file in ["token-keys.json", "policies/mine.rego"] {
            let path = "\(folder.path)/state/\(file)"
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(file)")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/state/out.rego"))
    }

    @Test func `another algorithm takes over at the next start`() throws {
        let folder = try ScratchFolder()
        let former = try Self.keys(try Self.start(folder))
        let second = try Self.start(folder, ["--algorithm", "ES384"])
        #expect(try Self.keys(second).last == former.first)
        let keys = try JSONValue.parse(try second.http("/.well-known/jwks.json").body)
        #expect(keys["keys"]?.arrayValue?.first?["crv"] == "P-384")
    }

    @Test func `keys that others may read, or that are damaged, stop the service`() throws {
        let folder = try ScratchFolder()
        _ = try Self.start(folder)
        let path = folder.path + "/state/token-keys.json"
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        #expect(throws: (any Error).self) { try Self.start(folder) }
        try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(throws: (any Error).self) { try Self.start(folder) }
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: Never.self) { try Self.start(folder) }
    }
}
