import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import ServiceLifecycle
import WireFormat

/// The attestation service on the network: gRPC and HTTP, until the service group shuts down.
public struct AttestationServer: Service {
    private let service: EvaluationService
    private let configuration: ServerConfiguration
    private let logger: Logger
    private let onListening: @Sendable (_ wire: String, _ port: Int) async -> Void

    /// Creates a server; `onListening` learns each port once it is bound.
    public init(
        _ service: EvaluationService, _ configuration: ServerConfiguration, logger: Logger,
        onListening: @escaping @Sendable (_ wire: String, _ port: Int) async -> Void = { _, _ in }
    ) {
        self.service = service
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until the service group shuts down.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let endpoint = configuration.grpc { group.addTask { try await serveGRPC(endpoint) } }
            if let endpoint = configuration.rest {
                group.addTask {
                    try await RESTServer(service, configuration, endpoint, logger: logger) { port in
                        await onListening("http", port)
                    }.run()
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func serveGRPC(_ endpoint: ServerConfiguration.Endpoint) async throws {
        var limits = HTTP2ServerTransport.Posix.Config.defaults
        limits.rpc.maxRequestPayloadSize = ServerConfiguration.messageLimit
        limits.connection.maxIdleTime = .seconds(300)
        limits.http2.maxConcurrentStreams = 100
        let connections = ConnectionLimit(ServerConfiguration.connectionLimit)
        limits.channelDebuggingCallbacks.onAcceptTCPConnection = { connections.admit($0) }
        limits.channelDebuggingCallbacks.onAcceptHTTP2Stream = { [authorizer = configuration.authorizer] channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(StrangerLimit(authorizer), position: .first)
            }
        }
        let address: GRPCNIOTransportCore.SocketAddress =
            endpoint.host.contains(":")
            ? .ipv6(host: endpoint.host, port: endpoint.port)
            : .ipv4(host: endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host, port: endpoint.port)
        let transport = HTTP2ServerTransport.Posix(
            address: address, transportSecurity: security(), config: limits)
        let server = GRPCServer(
            transport: transport,
            services: [AttestationCalls(service: service), ReferenceCalls(service: service), HealthCalls()],
            interceptors: [AuthorizingInterceptor(authorizer: configuration.authorizer)])
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.serve() }
                let bound = try await transport.listeningAddress
                if let port = bound.ipv4?.port ?? bound.ipv6?.port { await onListening("grpc", port) }
                try await group.next()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }

    private func security() -> HTTP2ServerTransport.Posix.TransportSecurity {
        guard let tls = configuration.tls else { return .plaintext }
        return .tls(
            certificateChain: [.bytes(tls.certificates, format: .pem)], privateKey: .bytes(tls.key, format: .pem)
        ) { config in
            guard let authorities = tls.clientAuthorities else { return }
            config.clientCertificateVerification = .noHostnameVerification
            config.trustRoots = .certificates([.bytes(authorities, format: .pem)])
        }
    }
}
