import NIOCore
import NIOPosix

/// Makes raw byte streams to hosts. The guest has no network and dials through the link to its host instead.
public protocol Dialer: Sendable {
    /// Connects; the channel has no handlers yet and belongs to the caller.
    func dial(host: String, port: Int, on eventLoop: any EventLoop) async throws -> any Channel
}

/// Dials over TCP.
public struct TCPDialer: Dialer {
    private let timeout: TimeAmount

    /// Creates a dialer that gives a connection `timeoutSeconds` to come about.
    public init(timeoutSeconds: Int = 5) { self.timeout = .seconds(Int64(timeoutSeconds)) }

    /// Connects over TCP.
    public func dial(host: String, port: Int, on eventLoop: any EventLoop) async throws -> any Channel {
        try await ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: host, port: port)
            .get()
    }
}
