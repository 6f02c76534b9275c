import ArgumentParser
import Glibc
import KeyBroker
import Logging
import ServiceLifecycle
import UnixSignals
import WireFormat

@main
struct KeyBrokerProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "testudo-keybroker", abstract: "Releases a tenant's secrets to attested guests.",
        version: TestudoVersion.text,
        subcommands: [Serve.self, Initialise.self, OfflineRootProgram.self, StoreProgram.self])
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve until SIGTERM or SIGINT.")

    @Option(help: "The configuration file.") var config: String
    @Flag(help: "Print what happens as JSON lines.") var json = false
    @Flag(help: "Go on with a store that is older than its counter says, or that was restored: once, after a restore.")
    var acceptRollback = false

    func run() async throws {
        // Files of the database and the logs are the owner's alone.
        umask(0o077)
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let logger = Logger(label: "testudo-keybroker")
        // From here on: one that comes while the broker starts must not end it.
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        do {
            let configuration = try BrokerConfiguration(file: config)
            let claim = try await ReplicaClaim(configuration)
            let broker: KeyBroker
            do {
                broker = try await KeyBroker(configuration: configuration, acceptingRollback: acceptRollback)
            } catch {
                await claim.release()
                throw error
            }
            let (host, json) = (configuration.host, json)
            let adminHost = configuration.adminListener?.host ?? ""
            let server = BrokerServer(
                broker: broker, configuration: configuration, logger: logger,
                onListening: { Self.tell("listening", "https://\(host):\($0)", json) },
                onAdminListening: { Self.tell("admin-listening", "https://\(adminHost):\($0)", json) })
            let group = ServiceGroup(
                services: [claim, server, ReloadOnHangup(broker: broker, hangups: hangups)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger)
            do {
                try await group.run()
            } catch {
                await broker.shutdown()
                await claim.release()
                throw error
            }
            await broker.shutdown()
            await claim.release()
        } catch let error as BrokerError {
            throw error.asExit
        }
    }
}

extension Serve {
    fileprivate static func tell(_ event: String, _ url: String, _ json: Bool) {
        let text = "\(event) \(url)"
        let line: JSONValue = ["event": .string(event), "url": .string(url), "text": .string(text)]
        print(json ? line.canonicalText : text)
        fflush(nil)
    }
}

/// Has the broker look at its files when `SIGHUP` comes.
private struct ReloadOnHangup: Service {
    let broker: KeyBroker
    let hangups: UnixSignalsSequence

    func run() async throws {
        for await _ in hangups.cancelOnGracefulShutdown() {
            await broker.reload()
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
