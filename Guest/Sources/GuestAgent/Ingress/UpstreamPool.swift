import NIOCore
import NIOHTTP1
import NIOPosix

/// Connections to the container, kept open between exchanges. Used on one event loop.
final class UpstreamPool {
    private let network: NetworkNamespace
    private let port: UInt16
    private let loop: any EventLoop
    private var idle: [UpstreamConnection] = []
    /// Most connections kept without work.
    private static let maximumIdle = 32

    init(network: NetworkNamespace, port: UInt16, loop: any EventLoop) {
        self.network = network
        self.port = port
        self.loop = loop
    }

    /// Finds or makes a connection and hands it to `body` on the event loop.
    func acquire(fresh: Bool, _ body: @escaping (Result<UpstreamConnection, any Error>) -> Void) {
        while !fresh, let connection = idle.popLast() {
            guard connection.isActive, connection.isReusable else { continue }
            connection.onClose = nil
            return body(.success(connection))
        }
        let loop = loop
        network.connect(port: port, on: loop).flatMap { number -> EventLoopFuture<any Channel> in
            guard number >= 0 else {
                return loop.makeFailedFuture(SystemFailure("connect to the container", code: number))
            }
            return ClientBootstrap(group: loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // Framing is decided by ForwardedHeaders; the encoder only follows it.
                    var framing = HTTPRequestEncoder.Configuration()
                    framing.automaticallySetFramingHeaders = false
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(HTTPRequestEncoder(configuration: framing))
                    try pipeline.addHandler(
                        ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)))
                    try pipeline.addHandler(NIOHTTPRequestHeadersValidator())
                    try pipeline.addHandler(UpstreamConnection())
                }
            }.withConnectedSocket(number)
        }.assumeIsolated().whenComplete { result in
            body(
                Result {
                    try result.get().pipeline.syncOperations.handler(type: UpstreamConnection.self)
                })
        }
    }

    /// Takes a connection back after a complete exchange.
    func release(_ connection: UpstreamConnection) {
        connection.observer = nil
        connection.isReused = true
        guard connection.isActive, connection.isReusable, idle.count < Self.maximumIdle else {
            return connection.close()
        }
        let identity = ObjectIdentifier(connection)
        connection.onClose = { [weak self] in self?.idle.removeAll { ObjectIdentifier($0) == identity } }
        idle.append(connection)
        connection.resumeReading()
    }
}
