import Foundation
import Glibc
import RootKeys
import TestSupport
import Testing
import WireFormat

@testable import KeyBroker

/// What an operator is told by the program when it starts, does not start, or made something.
@Suite("testudo-keybroker at its start", .serialized, .timeLimit(.minutes(2)))
struct StartTests {
    private static let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("testudo-keybroker").path

    /// A broker's process, ended with its owner.
    private final class Serving {
        let process = Process()
        let port: Int

        init(_ folder: String) throws {
            let output = Pipe()
            process.executableURL = URL(fileURLWithPath: StartTests.program)
            process.arguments = ["serve", "--config", "\(folder)/config.json"]
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            port = Int(said.split(separator: ":").last?.split(separator: "\n").first ?? "") ?? 0
        }

        func end(_ signal: Int32 = SIGTERM) {
            guard process.isRunning else { return }
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
        }

        deinit { end(SIGKILL) }
    }

    private func made(_ scratch: ScratchFolder, _ name: String = "broker", listen: String = "127.0.0.1:0") throws
        -> String
    {
        let folder = "\(scratch.path)/\(name)"
        try run(Self.program, ["init", "--dir", folder, "--listen", listen])
        return folder
    }

    private func complaint(_ arguments: [String]) -> String {
        do {
            try run(Self.program, arguments)
            return ""
        } catch {
            return (error as? ProgramFailure)?.complaint ?? "\(error)"
        }
    }

    @Test func `init names every file that it made, and commands that work`() throws {
        let scratch = try ScratchFolder()
        let folder = "\(scratch.path)/broker"
        let said = String(decoding: try run(Self.program, ["init", "--dir", folder]), as: UTF8.self)
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
            #expect(said.contains("  \(file)"), "\(file) in \(said)")
        }
        #expect(said.contains("testudo-keybroker serve --config \(folder)/config.json"))
        #expect(said.contains("--ca \(folder)/tls.pem --admin-key \(folder)/admin.key"))
        #expect(said.contains("--counter tpm"))
        // What exists is not replaced, and the next step is said.
        #expect(complaint(["init", "--dir", folder]).contains("exists already"))
        let counted = BrokerSetup.report(
            folder: "d", listen: "l", rootKey: ["kind": "tpm", "file": "root.tpm"], counter: ["kind": "tpm"],
            recovery: "/mnt/recovery")
        #expect(!counted.contains("root.key ") && counted.contains("/mnt/recovery"))
        #expect(counted.contains("root.tpm") && !counted.contains("--counter tpm or"))
    }

    @Test func `a port that another program has is named, with the member of the configuration`() throws {
        let scratch = try ScratchFolder()
        let first = try Serving(try made(scratch))
        try #require(first.port > 0)
        let second = try made(scratch, "second", listen: "127.0.0.1:\(first.port)")
        let said = complaint(["serve", "--config", "\(second)/config.json"])
        #expect(said.contains("cannot listen on 127.0.0.1:\(first.port) (`listen` of the configuration)"), "\(said)")
        #expect(said.contains("another program has this port") && said.contains("ss -ltnp"), "\(said)")
        let elsewhere = try made(scratch, "elsewhere", listen: "192.0.2.1:8480")
        #expect(complaint(["serve", "--config", "\(elsewhere)/config.json"]).contains("no such address"))
    }

    @Test func `a second broker on a database is refused while the first one lives, and not after it was killed`()
        throws
    {
        let scratch = try ScratchFolder()
        let folder = try made(scratch)
        let first = try Serving(folder)
        try #require(first.port > 0)
        let said = complaint(["serve", "--config", "\(folder)/config.json"])
        #expect(said.contains("another broker uses \(folder)/broker.sqlite"), "\(said)")
        #expect(said.contains("(process \(first.process.processIdentifier))"), "\(said)")
        // Upkeep runs beside it.
        try run(Self.program, ["store", "verify", "--config", "\(folder)/config.json"])
        first.end(SIGKILL)
        let next = try Serving(folder)
        #expect(next.port > 0)
        next.end()
        #expect(next.process.terminationReason == .exit && next.process.terminationStatus == 0)
    }

    @Test func `a misspelt member is refused with the name that was meant`() throws {
        let scratch = try ScratchFolder()
        let folder = try made(scratch)
        let file = "\(folder)/config.json"
        var members = try JSONValue.parse(Array(try Data(contentsOf: URL(filePath: file)))).objectValue ?? [:]
        members["tokenMinute"] = 5
        try Data(JSONValue.object(members).canonicalBytes).write(to: URL(filePath: file))
        let said = complaint(["serve", "--config", file])
        #expect(said.contains("tokenMinute: is an unknown field; `tokenMinutes` is meant?"), "\(said)")
    }

    @Test func `only a key in a TPM is sealed anew`() throws {
        let scratch = try ScratchFolder()
        let folder = try made(scratch)
        let said = complaint([
            "store", "reseal", "--config", "\(folder)/config.json", "--recovery", "\(folder)/root.key",
        ])
        #expect(said.contains("the root key is not a TPM's"), "\(said)")
    }

    @Test(.enabled(if: areInstalled("swtpm", "tpm2_unseal"), "swtpm and tpm2-tools are not installed"))
    func `after an update the recovery file seals the root key anew, and the store opens`() async throws {
        let scratch = try ScratchFolder()
        let (tpm, tcti) = try TPMProcess.start(state: "\(scratch.path)/tpm")
        defer {
            kill(tpm.processIdentifier, SIGKILL)
            tpm.waitUntilExit()
        }
        func extend(_ byte: String) throws {
            try run(
                "tpm2_pcrextend", ["4:sha256=\(String(repeating: byte, count: 32))"],
                environment: ["TPM2TOOLS_TCTI": tcti])
        }
        try extend("11")
        let (folder, recovery) = ("\(scratch.path)/broker", "\(scratch.path)/recovery")
        try run(
            Self.program,
            ["init", "--dir", folder, "--root-key", "tpm", "--tcti", tcti, "--recovery", recovery])
        let config = "\(folder)/config.json"
        let broker = try await KeyBroker(configuration: try BrokerConfiguration(file: config))
        await broker.shutdown()
        try extend("22")
        #expect(complaint(["store", "verify", "--config", config]).contains("PCR"))
        let other = try scratch.write("other", Array(String(repeating: "ab", count: 32).utf8))
        chmod(other, 0o600)
        let reseal = ["store", "reseal", "--config", config, "--recovery"]
        #expect(complaint(reseal + [other]).contains("does not belong"))
        let said = String(decoding: try run(Self.program, reseal + [recovery]), as: UTF8.self)
        #expect(said.contains("opens the store") && said.contains("take \(recovery) off this machine"), "\(said)")
        try run(Self.program, ["store", "verify", "--config", config])
        // Other registers than before.
        try run(Self.program, reseal + [recovery, "--pcrs", "sha256:4"])
        try run(Self.program, ["store", "verify", "--config", config])
        #expect(complaint(reseal + [recovery, "--pcrs", "7"]).contains("--pcrs"))
    }
}

/// `swtpm` on two neighbouring ports of the loopback.
private enum TPMProcess {
    struct NoAnswer: Error {}

    static func start(state folder: String) throws -> (process: Process, tcti: String) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for _ in 0..<10 {
            let port = Int.random(in: 20_000..<32_000)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/swtpm")
            process.arguments = [
                "socket", "--tpm2", "--tpmstate", "dir=\(folder)", "--flags", "not-need-init,startup-clear",
                "--server", "type=tcp,port=\(port),bindaddr=127.0.0.1",
                "--ctrl", "type=tcp,port=\(port + 1),bindaddr=127.0.0.1",
            ]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            let tcti = "swtpm:host=127.0.0.1,port=\(port)"
            for _ in 0..<200 where process.isRunning {
                if (try? run("tpm2_getcap", ["properties-fixed"], environment: ["TPM2TOOLS_TCTI": tcti])) != nil {
                    return (process, tcti)
                }
                usleep(20_000)
            }
            kill(process.processIdentifier, SIGKILL)
        }
        throw NoAnswer()
    }
}
