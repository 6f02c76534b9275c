import ArgumentParser
import Glibc
import KeyBroker
import Logging
import ServiceLifecycle
import WireFormat

@main
struct KeyBrokerProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "testudo-keybroker", abstract: "Releases a tenant's secrets to attested guests.",
        subcommands: [Serve.self, Initialise.self, OfflineRootProgram.self])
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM or SIGINT.")

    @Option(help: "The configuration file.") var config: String
    @Flag(help: "Print what happens as JSON lines.") var json = false

    func run() async throws {
        // Files of the database and the logs are the owner's alone.
        umask(0o077)
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let logger = Logger(label: "testudo-keybroker")
        do {
            let configuration = try BrokerConfiguration(file: config)
            let broker = try await KeyBroker(configuration: configuration)
            let (host, json) = (configuration.host, json)
            let server = BrokerServer(broker: broker, configuration: configuration, logger: logger) { port in
                let text = "listening https://\(host):\(port)"
                let event: JSONValue = [
                    "event": "listening", "url": .string("https://\(host):\(port)"), "text": .string(text),
                ]
                print(json ? event.canonicalText : text)
                fflush(nil)
            }
            try await ServiceGroup(
                services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            ).run()
        } catch let error as BrokerError {
            throw error.asExit
        }
    }
}

struct Initialise: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make keys, certificate and configuration in a new folder.")

    @Option(help: "The folder; made with mode 0700.") var dir: String
    @Option(help: "The address to listen on.") var listen = "127.0.0.1:8480"
    @Option(help: "The fingerprint of a soft root to trust; may be repeated.") var softRoot: [String] = []

    func run() throws {
        do {
            try BrokerSetup.run(folder: dir, listen: listen, softRoots: softRoot)
        } catch {
            throw error.asExit
        }
    }
}

extension BrokerError {
    /// Says what is wrong and ends with status 1.
    var asExit: ExitCode {
        let line = Array("testudo-keybroker: \(detail)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
        return .failure
    }
}
