import ArgumentParser
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands

@Suite("How commands end that fail")
struct CommandErrorTests {
    private static func end(_ words: [String], json: Bool = true) async throws -> CommandEnd {
        do {
            var command = try TestudoCommand.parseAsRoot(words)
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            return try #require(CommandEnd(error, asJSON: json))
        }
        throw CommandFailure("did not fail")
    }

    private static func error(_ text: String) throws -> JSONValue {
        try #require(try JSONValue.parse(text: text)["error"])
    }

    @Test(arguments: [
        ["evidence", "verify", "--tee", "amd", "file"], ["evidence", "verify", "--tee", "snp", "--vmpl", "9", "file"],
        ["evidence", "inspect"], ["reference-values", "remove", "--file", "x"],
        ["reference-values", "add", "a", "no json", "--file", "x"], ["policy", "explain", "--attempts", "0", "x"],
    ])
    func `a command line that is wrong ends with 64`(words: [String]) async throws {
        let text = try await Self.end(words, json: false)
        #expect(text.status == 64 && text.output.isEmpty && text.complaint.contains("Error: "), "\(text)")
        let json = try await Self.end(words)
        #expect(json.status == 64 && json.complaint.isEmpty, "\(json)")
        let error = try Self.error(json.output)
        #expect(error["status"] == 64 && error["message"]?.stringValue?.isEmpty == false)
    }

    @Test(arguments: [
        ["reference-values", "list", "--file", "/nowhere/values.json"],
        ["reference-values", "import", "/nowhere/x.jws", "--file", "values.json"],
        ["reference-values", "import", "/dev/null", "--key", "/dev/null", "--file", "values.json"],
        ["evidence", "verify-cases", "/nowhere/manifest.json"],
        ["broker", "audit", "verify", "/nowhere/audit.jsonl", "--offline"],
        ["secret", "show", "/nowhere/sealed", "--signing-key", "/nowhere/key"],
    ])
    func `what cannot be read ends with 2`(words: [String]) async throws {
        let end = try await Self.end(words)
        #expect(end.status == 2, "\(end)")
        #expect(try Self.error(end.output)["status"] == 2)
        #expect(try await Self.end(words, json: false).complaint.hasPrefix("Error: /"))
    }

    @Test(arguments: [
        ["broker", "keys", "show", "nonsense"], ["broker", "keys", "list", "../x"],
        ["broker", "keys", "create", "a/b", "--kind", "x", "--jwk", "/nowhere"],
        ["broker", "keys", "encrypt", "a/b", "--file", "/nowhere", "-o", "/tmp/never"],
        ["broker", "resources", "set", "nonsense", "--file", "/dev/null"],
        ["broker", "resources", "list", "--broker", "https://h:1/kbs"],
        ["broker", "resources", "list", "--ca", "/nowhere"],
        ["broker", "policies", "set", "p", "--prefix", "a/b/c/d", "--file", "/dev/null"],
        ["broker", "policies", "set", "p", "--prefix", "a//b", "--file", "/dev/null"],
        ["broker", "policies", "show", "A B"], ["broker", "tenants", "show", "A B"],
        ["broker", "explain", "a/b/c", "--claims", "/nowhere"], ["broker", "audit", "verify", "--head", "x"],
        ["broker", "ca", "install", "--certificate", "/nowhere", "--root", "/nowhere"],
        ["key", "set", "nonsense"], ["key", "set", "a/b/c", "--file", "/nowhere"],
    ])
    func `options and files of a broker's administrator that cannot be used end with 2`(words: [String]) async throws {
        let folder = try ScratchFolder()
        let certificate = try CertificateWorkshop()
        try certificate.key("ca")
        try certificate.certificate("ca", extensions: CertificateWorkshop.authority())
        try await BrokerStage.enter(["broker", "admin", "keygen", folder.path + "/key"])
        // A later option wins, so that each case has what it does not say itself.
        let place = ["--broker", "https://127.0.0.1:1", "--ca", certificate.path("ca.pem")]
        let all = words.prefix(3) + place + ["--admin-key", folder.path + "/key"] + words.dropFirst(3)
        let end = try await Self.end(Array(all), json: false)
        #expect(end.status == 2 && end.complaint.hasPrefix("Error: "), "\(end)")
    }

    @Test func `a broker that does not answer, and one that refuses, end with 1`() async throws {
        try await BrokerStage.run { stage in
            let refused = try await Self.end(["broker", "keys", "show", "a/b"] + stage.named, json: false)
            #expect(refused.status == 1 && refused.complaint.contains("keys list a"), "\(refused)")
            let away = ["--broker", "https://127.0.0.1:1"] + stage.named.dropFirst(2)
            let silent = try await Self.end(["broker", "resources", "list"] + away, json: false)
            #expect(silent.status == 1 && silent.complaint.contains("connection refused"), "\(silent)")
        }
    }

    @Test func `commands that report an error themselves say it in the same form`() async throws {
        let inspected = try EvidenceInspectCommand.parse(["--json", "/nowhere/report.bin"]).report()
        #expect(inspected.status == 2 && inspected.complaint.isEmpty)
        #expect(try Self.error(inspected.output)["message"]?.stringValue?.hasPrefix("/nowhere/report.bin") == true)
        let verified = try await EvidenceVerifyCommand.parse(["--json", "--tee", "snp", "/nowhere/report.bin"]).report()
        #expect(verified.status == 2, "\(verified)")
        #expect(try Self.error(verified.output)["status"] == 2)
        let measured = try EvidenceMeasureCommand.parse(["--json", "--mode", "snp", "--firmware", "/nowhere"]).report()
        #expect(measured.status == 2)
        #expect(try Self.error(measured.output)["hint"] == "check the path")
        let checked = try PolicyCheckCommand.parse(["/nowhere/policy.rego"]).report()
        #expect(checked.status == 2 && checked.complaint.contains("no such file or folder"))
    }

    @Test func `help and versions are no errors`() {
        for words in [["--help"], ["evidence", "verify", "--help"], ["--version"]] {
            do {
                var command = try TestudoCommand.parseAsRoot(words)
                try command.run()
                Issue.record("\(words) was run")
            } catch { #expect(CommandEnd(error, asJSON: true) == nil) }
        }
        #expect(CommandEnd(ExitCode(3), asJSON: true) == nil)
    }
}
