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
        let stack = LocalStack(state: state, settings: settings, progress: Progress(quiet: common.json))
        try await stack.start()
        let status = await stack.status()
        common.show(status, text: LocalStack.table(status))
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
