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
        var settings = (try? Settings(reading: state)) ?? Settings()
        settings.registryPort = registryPort ?? settings.registryPort
        settings.brokerPort = brokerPort ?? settings.brokerPort
        settings.nodePort = nodePort ?? settings.nodePort
        settings.tlsPort = tlsPort ?? settings.tlsPort
        settings.httpPort = httpPort ?? settings.httpPort
        settings.idleSeconds = idleSeconds ?? settings.idleSeconds
        settings.guestImage =
            guestImage ?? (settings.guestImage.isEmpty ? Installation.guestImage : settings.guestImage)
        try choose(&settings, state)
        let stack = LocalStack(state: state, settings: settings, progress: Progress(quiet: common.json))
        try await stack.start()
        let status = await stack.status()
        let note =
            settings.allowsSimulated
            ? """
            SIMULATED: what is registered from here lets guests on a software processor have its keys, and that
            processor protects nothing from this machine's owner. `testudo up --hardware-only` (after `testudo down`)
            gives simulated guests nothing.
            """
            : "hardware only: simulated guests get no keys here"
        common.show(status, text: "\(LocalStack.table(status))\n\n\(note)")
    }

    /// A broker that runs keeps the roots that it started with, so a change of mind needs a restart.
    private func choose(_ settings: inout Settings, _ state: StateFolder) throws {
        guard let processors else { return }
        let wanted = processors == .simulated
        if wanted != settings.allowsSimulated, DaemonRecord.load("broker", state)?.isRunning == true {
            throw CommandFailure(
                "the key broker runs with the other choice of processors", hint: "`testudo down` first, then `up` again"
            )
        }
        settings.allowsSimulated = wanted
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
