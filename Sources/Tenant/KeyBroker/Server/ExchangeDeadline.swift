import HummingbirdCore
import NIOCore

/// How long the parts of an exchange may take, however often a few bytes come or go.
struct ExchangeLimits: Sendable {
    /// From the connection to the end of the first request's head, TLS included; later heads have ``idle``.
    var head: TimeAmount = .seconds(15)
    /// How long the broker waits for a body before it refuses.
    var body: Duration = .seconds(15)
    /// From the end of the head to the end of the request, refused or not.
    var request: TimeAmount = .seconds(20)
    /// From the start of the answer to its last byte.
    var response: TimeAmount = .seconds(60)
    /// From the end of an exchange to the end of the next head.
    var idle: TimeAmount = .seconds(60)
}

/// Ends connections whose clients send or take in so slowly that they hold a place for nothing.
final class ExchangeDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPConnectionStateHandler.InboundIn
    typealias InboundOut = HTTPConnectionStateHandler.InboundOut
    typealias OutboundIn = HTTPConnectionStateHandler.OutboundIn
    typealias OutboundOut = HTTPConnectionStateHandler.OutboundOut

    private let limits: ExchangeLimits
    private var reading: Scheduled<Void>?
    private var writing: Scheduled<Void>?

    init(_ limits: ExchangeLimits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) { reading = close(context, in: limits.head) }

    func handlerRemoved(context: ChannelHandlerContext) {
        reading?.cancel()
        writing?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            reading?.cancel()
            reading = close(context, in: limits.request)
        case .body: break
        case .end: reading?.cancel()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head:
            writing?.cancel()
            writing = close(context, in: limits.response)
            context.write(data, promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            let written = promise ?? context.eventLoop.makePromise()
            let deadline = writing
            written.futureResult.whenComplete { _ in deadline?.cancel() }
            context.write(data, promise: written)
        }
    }

    private func close(_ context: ChannelHandlerContext, in time: TimeAmount) -> Scheduled<Void> {
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}
