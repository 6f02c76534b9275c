import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOTLS

/// The way in: takes connected sockets from the multiplexer and serves HTTP on them, over TLS or in clear.
final class Ingress: Sendable {
    /// What the ingress is for.
    struct Settings: Sendable {
        var hostnames: [String]
        var port: UInt16
        var timeoutSeconds: Int64
        var concurrency: Int
    }

    private let loop: any EventLoop
    private let secure: NIOLoopBound<IngressShared>
    private let plain: NIOLoopBound<IngressShared>

    private init(loop: any EventLoop, secure: NIOLoopBound<IngressShared>, plain: NIOLoopBound<IngressShared>) {
        self.loop = loop
        self.secure = secure
        self.plain = plain
    }

    /// Makes the ingress on its event loop.
    static func make(
        _ settings: Settings, network: NetworkNamespace, loop: any EventLoop,
        attest: @escaping @Sendable ([UInt8]) async throws -> [UInt8]
    ) async throws -> Ingress {
        try await loop.submit {
            let pool = UpstreamPool(network: network, port: settings.port, loop: loop)
            let admission = AdmissionQueue(limit: settings.concurrency)
            let clock = AgentClock()
            let attestations = AttestationLimit { clock.milliseconds }
            func shared(secure: Bool) -> NIOLoopBound<IngressShared> {
                NIOLoopBound(
                    IngressShared(
                        pool: pool, admission: admission,
                        screen: RequestScreen(hostnames: settings.hostnames, secure: secure),
                        timeout: .seconds(settings.timeoutSeconds), attestations: attestations, attest: attest),
                    eventLoop: loop)
            }
            return Ingress(loop: loop, secure: shared(secure: true), plain: shared(secure: false))
        }.get()
    }

    /// Serves a connection whose TLS ends here.
    func acceptTLS(_ socket: Int32, identity: ServerIdentity) {
        let secure = secure
        adopt(socket) { channel in
            let check = ProtocolCheck()
            let bound = NIOLoopBound(check, eventLoop: channel.eventLoop)
            let hello = SNIHandler { result in
                let name: String? = if case .hostname(let name) = result { name } else { nil }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(
                        NIOSSLServerHandler(context: identity.context), position: .before(bound.value))
                    try Self.addHTTP(to: pipeline, secure.value, serverName: name)
                }
            }
            try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(hello))
            try channel.pipeline.syncOperations.addHandler(check)
        }
    }

    /// Serves a connection in clear; the caller has checked that the manifest allows it.
    func acceptPlain(_ socket: Int32) {
        let plain = plain
        adopt(socket) { channel in
            try Self.addHTTP(to: channel.pipeline.syncOperations, plain.value, serverName: nil)
        }
    }

    private func adopt(_ socket: Int32, _ initialise: @escaping @Sendable (any Channel) throws -> Void) {
        ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try initialise(channel) }
        }.withConnectedSocket(socket).whenFailure { _ in }
    }

    static func addHTTP(
        to pipeline: ChannelPipeline.SynchronousOperations, _ shared: IngressShared, serverName: String?
    ) throws {
        // Framing is decided by ForwardedHeaders, which knows the request's method; the encoder only follows it.
        var framing = HTTPResponseEncoder.Configuration()
        framing.automaticallySetFramingHeaders = false
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: true, withServerUpgrade: nil, withErrorHandling: true,
            withOutboundHeaderValidation: true, withEncoderConfiguration: framing)
        try pipeline.addHandler(IdleStateHandler(readTimeout: .seconds(90)))
        try pipeline.addHandler(ProxyHandler(shared: shared, serverName: serverName))
    }
}

/// Closes connections whose client did not offer HTTP/1.1 by ALPN (protocols are never guessed, rule R12), and those
/// that do not finish their handshake in time.
private final class ProtocolCheck: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var deadline: Scheduled<Void>?

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: .seconds(30)) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted(let negotiated) = event {
            deadline?.cancel()
            if negotiated != "http/1.1" { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }
}
