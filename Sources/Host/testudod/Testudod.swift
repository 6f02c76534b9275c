import ArgumentParser
import Glibc
import Logging
import Sandbox
import ServiceLifecycle
import Serving
import WireFormat

/// The node of one machine.
@main
struct Testudod: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "testudod", abstract: "Runs Services in isolated instances on this machine.",
        subcommands: [Serve.self])
}

/// `testudod serve`.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM; then stop all instances.")

    @Option(help: "The node's configuration, a JSON file.") var config: String
    @Flag(help: "Log more.") var verbose = false

    func run() async throws {
        // A client that went away must not end the node.
        signal(SIGPIPE, SIG_IGN)
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "testudod")
        logger.logLevel = self.verbose ? .debug : .notice
        let configuration: NodeConfiguration
        do {
            configuration = try NodeConfiguration(parsing: try AtomicFile.read(self.config))
        } catch {
            throw ValidationError("\(self.config): \(error)")
        }
        let node = ServingNode(configuration: configuration, logger: logger) { ports in
            let line = JSONValue.object([
                "ready": true, "api": .integer(Int64(ports.api)), "tls": .integer(Int64(ports.tls)),
                "http": .integer(Int64(ports.http)),
            ])
            print(line.canonicalText)
            fflush(nil)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: node, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch {
            let complaint = Array("testudod: \(error)\n".utf8)
            _ = write(STDERR_FILENO, complaint, complaint.count)
            throw ExitCode.failure
        }
    }
}
