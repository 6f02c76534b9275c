import ArgumentParser
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands

@Suite("testudo up before anything is started", .serialized)
struct UpCommandTests {
    /// A deployment with free ports, and without the guest image that a start needs first.
    private struct Stage {
        let folder: ScratchFolder
        let state: StateFolder
        var settings = Settings()

        init() throws {
            folder = try ScratchFolder()
            state = StateFolder(option: "\(folder.path)/state")
            let ports = try FreePorts.take(5)
            (settings.registryPort, settings.brokerPort, settings.nodePort) = (ports[0], ports[1], ports[2])
            (settings.tlsPort, settings.httpPort) = (ports[3], ports[4])
            settings.guestImage = "\(folder.path)/image"
        }

        /// Saves the settings, and has this very process pose as the parts that run.
        func deploy(running parts: String...) throws {
            try state.create()
            try StateFolder.write(settings.json.prettyText, to: state.settingsFile)
            for part in parts { try DaemonRecord(name: part, pid: getpid()).save(state) }
        }

        /// What `up` says that does not start.
        func complaint(_ words: [String]) async throws -> CommandFailure {
            let command = try UpCommand.parse(words + ["--state", state.root])
            do { try await command.run() } catch let failure as CommandFailure { return failure }
            throw CommandFailure("\(words) did not fail")
        }

        /// The options that name the settings as they are.
        var words: [String] {
            DeploymentPort.all(of: settings).flatMap { [$0.option, String($0.number)] }
                + ["--guest-image", settings.guestImage, "--idle-seconds", String(settings.idleSeconds)]
        }
    }

    @Test func `a second up is refused while one is at work, and changes nothing`() async throws {
        let stage = try Stage()
        try stage.deploy()
        let before = try StateFolder.text(stage.state.settingsFile)
        do {
            let claim = try DeploymentClaim(stage.state)
            let refused = try await stage.complaint(["--idle-seconds", "7"])
            #expect(refused.what.contains("another `testudo up` is at work in \(stage.state.root)"))
            #expect(try StateFolder.text(stage.state.settingsFile) == before)
            withExtendedLifetime(claim) {}
        }
        let next = try await stage.complaint(stage.words)
        #expect(next.what.contains("the guest image has no kernel"), "\(next)")
    }

    @Test func `other options for what runs are refused, with what runs where, and are not saved`() async throws {
        let stage = try Stage()
        try stage.deploy(running: "node", "broker")
        let before = try StateFolder.text(stage.state.settingsFile)
        let free = try FreePorts.take(1)[0]
        let refused = try await stage.complaint(["--node-port", "\(free)", "--idle-seconds", "7", "--hardware-only"])
        for words in [
            "--node-port \(stage.settings.nodePort), not \(free)", "--idle-seconds 60, not 7",
            "--simulated, not --hardware-only", "node at \(stage.settings.node)", "broker at \(stage.settings.broker)",
        ] {
            #expect(refused.what.contains(words), "\(words): \(refused)")
        }
        #expect(!refused.what.contains("registry at") && refused.hint?.contains("`testudo down` first") == true)
        #expect(try StateFolder.text(stage.state.settingsFile) == before)
        // The node's profile names the registry, which itself is stopped.
        let registry = try await stage.complaint(["--registry-port", "\(free)"])
        #expect(registry.what.contains("--registry-port \(stage.settings.registryPort), not \(free)"), "\(registry)")
    }

    @Test func `equal options, and those of parts that are stopped, are no change`() async throws {
        let stage = try Stage()
        try stage.deploy(running: "node", "broker", "registry")
        let image = "no kernel, no initrd, no measurements.json in \(stage.settings.guestImage)"
        #expect(try await stage.complaint(stage.words + ["--simulated"]).what.contains(image))
        let other = try Stage()
        try other.deploy(running: "broker")
        let free = try FreePorts.take(1)[0]
        #expect(try await other.complaint(["--tls-port", "\(free)"]).what.contains("the guest image has no kernel"))
        // What did not start is not saved either.
        #expect(try Settings(reading: other.state).tlsPort == other.settings.tlsPort)
    }

    @Test func `ports that nobody can listen at are named with their options, all at once`() async throws {
        try await BrokerStage.run { running in
            var stage = try Stage()
            stage.settings.tlsPort = running.settings.brokerPort
            stage.settings.httpPort = 70_000
            stage.settings.nodePort = stage.settings.registryPort
            let refused = try await stage.complaint(stage.words)
            for words in [
                "--tls-port \(stage.settings.tlsPort) (the TLS gateway) is taken by another program",
                "--http-port 70000 is no port from 1 to 65535",
                "--node-port and --registry-port are both \(stage.settings.nodePort)",
            ] {
                #expect(refused.what.contains(words), "\(words): \(refused)")
            }
            #expect(!refused.what.contains("--broker-port"), "\(refused)")
            #expect(refused.status == 2 && refused.hint?.contains("name free ports") == true)
            #expect(!FileManager.default.fileExists(atPath: stage.state.root))
            // A part that runs has its port itself.
            var own = try Stage()
            own.settings.tlsPort = running.settings.brokerPort
            try own.deploy(running: "node")
            #expect(try await own.complaint([]).what.contains("the guest image has no kernel"))
        }
    }

    @Test func `damaged settings are not taken for those of a new deployment`() async throws {
        let stage = try Stage()
        try stage.deploy()
        try StateFolder.write("{\"registryPort\": 5000", to: stage.state.settingsFile)
        let refused = try await stage.complaint(stage.words)
        #expect(refused.what.contains(stage.state.settingsFile) && refused.status == 2, "\(refused)")
    }
}
