import Hummingbird
import Logging
import NIOCore
import NIOPosix
import PodManifest
import Sandbox
import ServiceLifecycle
import WireFormat

/// The node: store, reconciler, activator, gateways and API, wired together.
public struct ServingNode: Service {
    /// The ports that are listened on.
    public struct Ports: Sendable {
        /// The API's.
        public let api: Int
        /// The TLS gateway's.
        public let tls: Int
        /// The plain HTTP gateway's.
        public let http: Int
    }

    private let configuration: NodeConfiguration
    private let logger: Logger
    private let onReady: @Sendable (Ports) -> Void

    /// Creates a node that does not run yet.
    ///
    /// - Parameters:
    ///   - configuration: Where everything is.
    ///   - logger: The node's log.
    ///   - onReady: Called once when everything listens.
    public init(configuration: NodeConfiguration, logger: Logger, onReady: @escaping @Sendable (Ports) -> Void) {
        self.configuration = configuration
        self.logger = logger
        self.onReady = onReady
    }

    /// Runs until graceful shutdown; no instance is left then.
    public func run() async throws {
        let files = try NodeFiles(self.configuration)
        // One event loop for gateways and agents: splicing never changes threads.
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let journal = try InstanceJournal(folder: files.instances)
        for leftover in await journal.recover() {
            self.logger.notice(
                "removed what an earlier run left",
                metadata: ["instance": "\(leftover.id)", "fault": "\(leftover.fault ?? "none")"])
        }
        let machine = await NodeMachine.find(self.configuration, instances: files.instances)
        let profile = try TenantProfile(parsing: try JSONValue.parse(AtomicFile.read(self.configuration.profileFile)))
        let token = try NodeFiles.token(self.configuration.tokenFile)
        let environment = PodSandbox.Environment(
            journal: journal,
            capacity: NodeCapacity(
                instances: self.configuration.maximumInstances, memoryMiB: self.configuration.memoryMiB),
            launcher: machine.launcher, loop: loop, logger: self.logger)
        let activator = Activator(environment: environment, logFolder: files.logs)
        let store = try ObjectStore(folder: files.objects)
        let (tls, http) = (self.configuration.tlsListen, self.configuration.httpListen)
        let tlsGateway = try await Gateway.listen(
            host: tls.host, port: tls.port, dialect: TLSDialect(), activator: activator, loop: loop)
        let httpGateway = try await Gateway.listen(
            host: http.host, port: http.port, dialect: HTTPDialect(tlsPort: tlsGateway.port), activator: activator,
            loop: loop)
        let reconciler = Reconciler(
            store: store, activator: activator,
            digests: try RegistryDigests(
                url: profile.registry.endpoint, certificate: profile.registry.certificate, loop: loop),
            registrations: BrokerRegistrations(loop: loop), profile: profile,
            unavailable: machine.launcher.unavailable, idleSeconds: self.configuration.idleSeconds,
            addresses: Reconciler.Addresses(tls: tlsGateway.port, http: httpGateway.port), logger: self.logger)
        let responder = APIResponder(
            token: try BearerToken(token), store: store,
            node: NodeReport(description: machine.description, activator: activator))
        let listen = self.configuration.apiListen
        let onReady = self.onReady
        let application = Application(
            responder: responder,
            configuration: ApplicationConfiguration(
                address: .hostname(listen.host, port: listen.port), serverName: nil),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? listen.port
                try? files.writeKubeconfig(token: token, host: listen.host, port: port)
                onReady(Ports(api: port, tls: tlsGateway.port, http: httpGateway.port))
            },
            eventLoopGroupProvider: .shared(loop), logger: self.logger)
        let following = Task { await reconciler.run() }
        // Hummingbird returns on graceful shutdown; then nothing new comes in and everything that runs is stopped.
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await application.run()) } catch { outcome = .failure(error) }
        await tlsGateway.close()
        await httpGateway.close()
        following.cancel()
        await activator.shutDown()
        try outcome.get()
    }
}
