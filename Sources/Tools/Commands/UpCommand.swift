import ArgumentParser
import Crypto
import Foundation
import WireFormat

/// `testudo up`: registry, key broker and node on this machine.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Start registry, key broker and node on this machine.")

    @OptionGroup var common: CommonOptions
    @Option(help: "Port of the registry.") var registryPort: Int?
    @Option(help: "Port of the key broker.") var brokerPort: Int?
    @Option(help: "Port of the node's API.") var nodePort: Int?
    @Option(help: "Port of the TLS gateway.") var tlsPort: Int?
    @Option(help: "Port of the plain HTTP gateway.") var httpPort: Int?
    @Option(help: "Seconds without a request after which an instance stops.") var idleSeconds: Int?
    @Option(help: "Folder of the guest image.") var guestImage: String?
    @Flag(help: "Whether simulated guests may have keys; kept from one start to the next (default: --simulated).")
    var processors: Processors?

    /// On what guests run that may have keys.
    enum Processors: String, EnumerableFlag {
        case simulated
        case hardwareOnly
    }

    func run() async throws {
        let state = common.folder
        let (present, wanted) = try choose(state)
        func isRunning(_ part: String) -> Bool { DaemonRecord.load(part, state)?.isRunning ?? false }
        if let present { try SettingsChange.refuse(from: present, to: wanted, isRunning: isRunning) }
        let progress = Progress(quiet: common.json)
        if LocalStack.names.allSatisfy(isRunning) { progress.step("registry, broker and node run already") }
        let stack = LocalStack(state: state, settings: wanted, progress: progress)
        try await stack.start()
        let status = await stack.status()
        let note =
            wanted.allowsSimulated
            ? """
            SIMULATED: what is registered from here lets guests on a software processor have its keys, and that
            processor protects nothing from this machine's owner. `testudo up --hardware-only` (after `testudo down`)
            gives simulated guests nothing.
            """
            : "hardware only: simulated guests get no keys here"
        common.show(status, text: "\(LocalStack.table(status))\n\n\(note)")
    }

    /// The settings that are there, nil before the first start, and those with what is said here.
    func choose(_ state: StateFolder) throws -> (present: Settings?, wanted: Settings) {
        var present: Settings?
        if FileManager.default.fileExists(atPath: state.settingsFile) {
            do { present = try Settings(reading: state) } catch let error as WireError {
                throw CommandFailure(
                    "\(state.settingsFile): \(error)",
                    hint: "mend it, or `testudo down`, remove it and say all options that are not the usual ones",
                    status: 2)
            }
        }
        var settings = present ?? Settings()
        settings.registryPort = registryPort ?? settings.registryPort
        settings.brokerPort = brokerPort ?? settings.brokerPort
        settings.nodePort = nodePort ?? settings.nodePort
        settings.tlsPort = tlsPort ?? settings.tlsPort
        settings.httpPort = httpPort ?? settings.httpPort
        settings.idleSeconds = idleSeconds ?? settings.idleSeconds
        settings.guestImage =
            guestImage ?? (settings.guestImage.isEmpty ? Installation.guestImage : settings.guestImage)
        if let processors { settings.allowsSimulated = processors == .simulated }
        return (present, settings)
    }
}

/// `testudo down`: stops what `up` started, and nothing else.
struct DownCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Stop what `testudo up` started.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let stopped = LocalStack.stop(common.folder)
        common.show(
            .object(["stopped": .array(stopped.map { .string($0) })]),
            text: stopped.isEmpty ? "nothing was running" : "stopped \(stopped.joined(separator: ", "))")
    }
}

/// `testudo status`: which parts run, and what this machine can do.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show which parts run and what this machine can do.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        let stack = LocalStack(state: common.folder, settings: settings, progress: Progress(quiet: true))
        let status = await stack.status()
        common.show(status, text: LocalStack.table(status))
        if status["running"]?.boolValue != true { throw ExitCode(3) }
    }
}
