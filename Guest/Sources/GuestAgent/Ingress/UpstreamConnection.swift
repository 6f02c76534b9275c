import Glibc
import NIOCore
import NIOHTTP1

/// Who is told what happens on a connection to the container. Called on the event loop.
protocol UpstreamObserver: AnyObject {
    func upstreamSent(_ head: HTTPResponseHead)
    func upstreamSent(_ body: ByteBuffer)
    func upstreamEnded(trailers: HTTPHeaders?)
    func upstreamClosed()
    func upstreamWritabilityChanged()
    /// Whether more of the response can be taken now.
    var takesMore: Bool { get }
}

/// One connection from the agent to the container, used for one exchange after the other.
final class UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    weak var observer: (any UpstreamObserver)?
    /// Called once when the connection is gone.
    var onClose: (() -> Void)?
    /// Whether an exchange has been completed on it before.
    var isReused = false
    private(set) var isReusable = true
    private var context: ChannelHandlerContext?
    private var readHeld = false
    private var isMidAnswer = false

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    var isWritable: Bool { context?.channel.isWritable ?? false }
    var isActive: Bool { context?.channel.isActive ?? false }

    func send(_ part: HTTPClientRequestPart) { context?.write(wrapOutboundOut(part), promise: nil) }
    func flush() { context?.flush() }
    func close() { context?.close(promise: nil) }

    /// Reads on after the observer had been full.
    func resumeReading() {
        guard readHeld else { return }
        readHeld = false
        context?.read()
    }

    func read(context: ChannelHandlerContext) {
        if observer?.takesMore ?? true { context.read() } else { readHeld = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            isReusable = head.isKeepAlive
            isMidAnswer = true
            observer?.upstreamSent(head)
        case .body(let body): observer?.upstreamSent(body)
        case .end(let trailers):
            isMidAnswer = false
            observer?.upstreamEnded(trailers: trailers)
        }
    }

    /// Many servers write head and body separately and leave Nagle's algorithm on: the body then waits for the head's
    /// acknowledgement, which this end would delay by 40 ms. So it is sent at once.
    func channelReadComplete(context: ChannelHandlerContext) {
        if isMidAnswer {
            try? context.channel.syncOptions?.setOption(.tcpOption(.init(rawValue: TCP_QUICKACK)), value: 1)
        }
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        observer?.upstreamWritabilityChanged()
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isReusable = false
        onClose?()
        onClose = nil
        observer?.upstreamClosed()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
