import HummingbirdCore
import NIOCore

/// How long the parts of an exchange may take, however often a few bytes come or go.
struct ExchangeLimits: Sendable {
    /// From the connection to the end of the first request's head, TLS included; later heads have ``idle``.
    var head: TimeAmount = .seconds(15)
    /// From the end of the head: how long the broker waits for a body before it refuses.
    var body: TimeAmount = .seconds(15)
    /// From the end of the head to the end of the request, refused or not.
    var request: TimeAmount = .seconds(20)
    /// From the start of the answer to its last byte.
    var response: TimeAmount = .seconds(60)
    /// From the end of an exchange to the end of the next head.
    var idle: TimeAmount = .seconds(60)
    /// From the end of the broker's side of a connection to the end of the client's.
    var farewell: TimeAmount = .seconds(5)
}

/// What readers of a body meet that did not arrive in time.
struct BodyOverdue: Error {}

/// Ends bodies and connections of clients that send or take in so slowly that they hold a place for nothing.
///
/// A clock starts only for what does not come or go at once.
final class ExchangeDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPConnectionStateHandler.InboundIn
    typealias InboundOut = HTTPConnectionStateHandler.InboundOut
    typealias OutboundIn = HTTPConnectionStateHandler.OutboundIn
    typealias OutboundOut = HTTPConnectionStateHandler.OutboundOut

    private let limits: ExchangeLimits
    /// Whether a request has begun and not ended.
    private var isReading = false
    private var reading: Scheduled<Void>?
    /// How many answers have begun whose last byte is not on its way.
    private var unsent = 0
    private var writing: Scheduled<Void>?
    /// Runs once this side has ended, whatever the client goes on to send.
    private var leaving: Scheduled<Void>?

    init(_ limits: ExchangeLimits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) { reading = close(context.channel, in: limits.head) }

    func handlerRemoved(context: ChannelHandlerContext) {
        Self.stop(&reading)
        Self.stop(&writing)
        Self.stop(&leaving)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            Self.stop(&reading)
            isReading = true
        case .body: break
        case .end:
            Self.stop(&reading)
            isReading = false
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isReading, reading == nil {
            reading = context.eventLoop.assumeIsolated().scheduleTask(in: limits.body) {
                context.fireErrorCaught(BodyOverdue())
                self.reading = self.close(context.channel, in: self.limits.request - self.limits.body)
            }
        }
        context.fireChannelReadComplete()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head:
            unsent += 1
            context.write(data, promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            let written = promise ?? context.eventLoop.makePromise()
            let channel = context.channel
            written.futureResult.assumeIsolated().whenComplete { _ in
                self.unsent -= 1
                Self.stop(&self.writing)
                if self.unsent > 0, channel.isActive { self.writing = self.close(channel, in: self.limits.response) }
            }
            context.write(data, promise: written)
        }
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        if unsent > 0, writing == nil { writing = close(context.channel, in: limits.response) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .output, leaving == nil { leaving = close(context.channel, in: limits.farewell) }
        context.close(mode: mode, promise: promise)
    }

    private func close(_ channel: any Channel, in time: TimeAmount) -> Scheduled<Void> {
        channel.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    private static func stop(_ clock: inout Scheduled<Void>?) {
        clock?.cancel()
        clock = nil
    }
}
