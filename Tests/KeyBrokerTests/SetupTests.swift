import Foundation
import Glibc
import RootKeys
import TestSupport
import Testing
import WireFormat

@testable import KeyBroker

@Suite("A broker's first start", .serialized)
struct SetupTests {
    private static let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("testudo-keybroker").path
    private static let module = "/usr/lib/softhsm/libsofthsm2.so"

    /// Every file of a folder with what it holds.
    private func contents(_ folder: String) throws -> [String: Data] {
        var found: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            found[name] = try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
        }
        return found
    }

    @Test func `a counter in another place is made with the store, and nothing is made twice`() async throws {
        let scratch = try ScratchFolder()
        let folder = "\(scratch.path)/broker"
        try FileManager.default.createDirectory(atPath: "\(scratch.path)/elsewhere", withIntermediateDirectories: false)
        let arguments = [
            "init", "--dir", folder, "--listen", "127.0.0.1:0", "--counter", "file", "--counter-file",
            "\(scratch.path)/elsewhere/counter",
        ]
        try run(Self.program, arguments)
        let before = try contents(folder)
        #expect(throws: ProgramFailure.self) { try run(Self.program, arguments) }
        #expect(try contents(folder) == before)
        let broker = try await KeyBroker(configuration: try BrokerConfiguration(file: "\(folder)/config.json"))
        let ready = await broker.respond(to: BrokerRequest(method: "GET", path: ["readyz"]))
        #expect(try JSONValue.parse(ready.body)["rollback"] == "detected-by-file")
        await broker.shutdown()
        let leaving = await broker.respond(to: BrokerRequest(method: "GET", path: ["readyz"]))
        try expectRefusal(leaving, 503, "StorageBackendUnavailable")
    }

    @Test(.enabled(if: areInstalled("softhsm2-util") && FileManager.default.fileExists(atPath: module)))
    func `a root key on a token opens the store`() async throws {
        let scratch = try ScratchFolder()
        try FileManager.default.createDirectory(atPath: "\(scratch.path)/tokens", withIntermediateDirectories: false)
        let settings = try scratch.write(
            "softhsm2.conf", Array("directories.tokendir = \(scratch.path)/tokens\nobjectstore.backend = file\n".utf8))
        let environment = ["SOFTHSM2_CONF": settings]
        try run(
            "softhsm2-util", ["--init-token", "--free", "--label", "broker", "--pin", "1234", "--so-pin", "5678"],
            environment: environment)
        let pin = try scratch.write("pin", Array("1234\n".utf8))
        chmod(pin, 0o600)
        let folder = "\(scratch.path)/broker"
        try run(
            Self.program,
            [
                "init", "--dir", folder, "--listen", "127.0.0.1:0", "--root-key", "pkcs11", "--pkcs11-module",
                Self.module,
                "--pkcs11-token", "broker", "--pin-file", pin,
            ], environment: environment)
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/root.key"))
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = ["serve", "--config", "\(folder)/config.json"]
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        kill(process.processIdentifier, SIGTERM)
        process.waitUntilExit()
        #expect(said.hasPrefix("listening https://127.0.0.1:"))
        #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    }

    @Test(arguments: ["nonsense", "127.0.0.1", "127.0.0.1:99999", ":8480", ""])
    func `an address that is none is refused before anything is made`(listen: String) async throws {
        let scratch = try ScratchFolder()
        let folder = scratch.path + "/broker"
        let failure = await #expect(throws: BrokerError.self) {
            try await BrokerSetup.run(
                folder: folder, listen: listen, softRoots: [], rootKey: "root.key", counter: nil)
        }
        #expect(failure?.detail.contains("--listen \(listen)") == true && failure?.detail.contains("8480") == true)
        #expect(throws: BrokerError.self) { try BrokerSetup.run(folder: folder, listen: listen) }
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test func `a configuration that was made for all addresses says how it is called`() throws {
        func report(_ listen: String) -> String {
            BrokerSetup.report(folder: "b", listen: listen, rootKey: "root.key", counter: nil)
        }
        #expect(report("0.0.0.0:8480").contains("--broker https://127.0.0.1:8480 "))
        #expect(report("0.0.0.0:8480").contains("all addresses of this machine"))
        #expect(report("[::]:1").contains("--broker https://[::1]:1 "))
        #expect(!report("127.0.0.1:8480").contains("all addresses"))
    }

    @Test(arguments: [
        ["--listen", "nonsense"], ["--soft-root", "zz"], ["--soft-root", "abcd"],
        ["--root-key", "pkcs11"], ["--counter", "file"], ["--counter-file", "x"], ["--root-key", "tpm", "--pcrs", "7"],
        ["--root-key", "tpm", "--tcti", "device:/nowhere"],
        [
            "--root-key", "pkcs11", "--pkcs11-module", "/nowhere.so", "--pkcs11-token", "t", "--pin-file", "/nowhere",
        ],
    ])
    func `what cannot be made leaves no configuration behind`(options: [String]) throws {
        let scratch = try ScratchFolder()
        #expect(throws: ProgramFailure.self) {
            try run(Self.program, ["init", "--dir", "\(scratch.path)/broker"] + options)
        }
        let made = (try? FileManager.default.contentsOfDirectory(atPath: "\(scratch.path)/broker")) ?? []
        #expect(made.isEmpty, "\(made)")
    }

    @Test func `what everybody may write decides nothing: configuration, keys and the log's folder`() async throws {
        let folder = NSTemporaryDirectory() + "testudo-writers-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0")
        try FileManager.default.createDirectory(atPath: folder + "/log", withIntermediateDirectories: true)
        func start() async throws {
            var configuration = try BrokerConfiguration(file: folder + "/config.json")
            configuration.auditLog = folder + "/log/audit.jsonl"
            await (try KeyBroker(configuration: configuration)).shutdown()
        }
        for (name, usual) in [("config.json", 0o600), ("admin.pub", 0o644), ("release.pub", 0o644), ("log", 0o755)] {
            func set(_ mode: Int) throws {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(folder)/\(name)")
            }
            try set(usual | 0o002)
            let refusal = await #expect(throws: BrokerError.self, "\(name)") { try await start() }
            #expect(refusal?.detail.contains("\(folder)/\(name) can be written by everybody") == true, "\(name)")
            // A volume's group is the broker's own.
            try set(usual | 0o020)
            try await start()
            try set(usual)
        }
    }
}
