import NIOCore
import NIOHTTP1
import NIOTLS

/// The last handler of a connection: hands out parts of the answer one by one and reads no further than asked.
///
/// Lives on its channel's event loop. Between exchanges it is parked: whatever arrives then makes it useless.
final class ResponseReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private enum Mode {
        case handshaking(EventLoopPromise<Void>)
        case parked
        case exchanging
        case closed(any Error)
    }

    private var mode: Mode
    private var parts: CircularBuffer<HTTPClientResponsePart> = []
    private var waiter: EventLoopPromise<HTTPClientResponsePart>?
    private var context: ChannelHandlerContext?

    /// Whether a new exchange may begin.
    var isParked: Bool { if case .parked = mode { true } else { false } }

    /// Creates the reader; `handshake` is fulfilled when TLS is up, nil means that there is none.
    init(handshake: EventLoopPromise<Void>?) {
        self.mode = handshake.map { .handshaking($0) } ?? .parked
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        context.read()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Sends a request. The answer is then taken with ``nextPart()``.
    func begin(_ head: HTTPRequestHead, body: [UInt8]) -> EventLoopFuture<Void>? {
        guard let context, case .parked = mode else { return nil }
        mode = .exchanging
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !body.isEmpty {
            let buffer = context.channel.allocator.buffer(bytes: body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        return context.writeAndFlush(wrapOutboundOut(.end(nil)))
    }

    /// The next part of the answer, reading from the network only now.
    func nextPart(on loop: any EventLoop) -> EventLoopFuture<HTTPClientResponsePart> {
        if let part = parts.popFirst() { return loop.makeSucceededFuture(part) }
        if case .closed(let error) = mode { return loop.makeFailedFuture(error) }
        let promise = loop.makePromise(of: HTTPClientResponsePart.self)
        waiter = promise
        context?.read()
        return promise.futureResult
    }

    /// Ends an exchange whose answer was taken whole.
    func park() {
        guard case .exchanging = mode, parts.isEmpty else { return }
        mode = .parked
        context?.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .exchanging = mode else {
            // Nothing was asked.
            context.close(promise: nil)
            return
        }
        let part = unwrapInboundIn(data)
        if let promise = waiter {
            waiter = nil
            promise.succeed(part)
        } else {
            parts.append(part)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch mode {
        case .handshaking, .parked: context.read()
        case .exchanging: if waiter != nil { context.read() }
        case .closed: break
        }
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshaking(let promise) = mode, let event = event as? TLSUserEvent,
            case .handshakeCompleted = event
        {
            mode = .parked
            promise.succeed(())
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(ChannelError.eof)
        context.fireChannelInactive()
    }

    /// Fails whoever waits.
    func end(_ error: any Error) {
        if case .closed = mode { return }
        if case .handshaking(let promise) = mode { promise.fail(error) }
        mode = .closed(error)
        waiter?.fail(error)
        waiter = nil
    }
}
