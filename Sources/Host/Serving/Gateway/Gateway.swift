import NIOCore
import NIOPosix
import Synchronization

/// Listens for connections of one dialect.
public final class Gateway<Dialect: GatewayDialect>: Sendable {
    /// Limits on clients.
    public struct Limits: Sendable {
        /// How long the bytes that name the host may take.
        public var hello: TimeAmount = .seconds(10)
        /// How long a connection is held while an instance starts.
        public var start: TimeAmount = .seconds(120)
        /// Connections at once; more are closed at once.
        public var connections = 2048

        /// The default limits.
        public init() {}
    }

    /// The port that is listened on.
    public let port: Int
    private let channel: any Channel

    private init(channel: any Channel) {
        self.channel = channel
        self.port = channel.localAddress?.port ?? 0
    }

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - host: The address.
    ///   - port: The port; 0 picks one.
    ///   - dialect: How hosts are found.
    ///   - activator: Who knows the hosts.
    ///   - limits: Limits on clients.
    ///   - loop: The event loop; the one that agents' connections live on.
    public static func listen(
        host: String, port: Int, dialect: Dialect, activator: Activator, limits: Limits = Limits(), loop: any EventLoop
    ) async throws -> Gateway {
        let open = OpenConnections(limit: limits.connections)
        let channel = try await ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard open.enter() else { throw ChannelError.operationUnsupported }
                    channel.closeFuture.whenComplete { _ in open.leave() }
                    try channel.pipeline.syncOperations.addHandler(
                        GatewayHandler(dialect: dialect, activator: activator, limits: limits))
                }
            }
            .bind(host: host, port: port).get()
        return Gateway(channel: channel)
    }

    /// Stops listening; connections go on.
    public func close() async { try? await self.channel.close() }
}

/// Counts the connections of a gateway.
private final class OpenConnections: Sendable {
    private let limit: Int
    private let count = Mutex(0)

    init(limit: Int) { self.limit = limit }

    /// Whether there is room; takes it.
    func enter() -> Bool {
        self.count.withLock { count in
            guard count < self.limit else { return false }
            count += 1
            return true
        }
    }

    func leave() { self.count.withLock { $0 -= 1 } }
}
