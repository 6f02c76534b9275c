import AgentProtocol
import NIOCore
import WireFormat

/// Speaks the multiplexed protocol on the host's end of the agent's byte stream; confined to its event loop.
final class MuxHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The most bytes kept for one stream while the guest gives no credit; beyond it the stream's source is paused.
    private static let queueLimit = 256 << 10

    private var core = MuxCore(role: .host)
    private var streams: [UInt32: MuxStream] = [:]
    private var context: ChannelHandlerContext?
    private var closed = false
    private let onHello: () -> Void
    private let onOpen: (String, MuxStream) -> Void
    private let onClose: (String) -> Void

    /// Creates the handler.
    ///
    /// - Parameters:
    ///   - onHello: Called when the agent introduced itself.
    ///   - onOpen: Called for a stream that the guest opens; the callee sets a delegate or resets the stream.
    ///   - onClose: Called once when the connection is gone, with why.
    init(
        onHello: @escaping () -> Void, onOpen: @escaping (String, MuxStream) -> Void,
        onClose: @escaping (String) -> Void
    ) {
        self.onHello = onHello
        self.onOpen = onOpen
        self.onClose = onClose
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.flush()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(WireError) {
            for event in try self.core.receive(Array(self.unwrapInboundIn(data).readableBytesView)) {
                self.handle(event)
            }
            self.flush()
        } catch {
            self.fail(
                self.core.isOverrun
                    ? "the agent does not read its answers" : "the agent's frames are malformed: \(error)")
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.fail("the agent's connection closed")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail("the agent's connection failed: \(error)")
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            self.flush()
            for stream in self.streams.values where self.isWritable(stream.id) { stream.delegate?.streamWritable() }
        }
        context.fireChannelWritabilityChanged()
    }

    /// Opens a stream to the guest.
    ///
    /// - Parameter target: `control`, `tls` or `http`.
    /// - Returns: The stream, or nil when the connection is gone or has no number left.
    func open(_ target: String) -> MuxStream? {
        guard !self.closed, let id = try? self.core.open(target: target) else { return nil }
        let stream = MuxStream(id: id, handler: self)
        self.streams[id] = stream
        self.flush()
        return stream
    }

    func isWritable(_ id: UInt32) -> Bool {
        !self.closed && self.core.queued(id) < Self.queueLimit && (self.context?.channel.isWritable ?? false)
    }

    func write(_ bytes: ByteBuffer, on id: UInt32) {
        guard self.streams[id] != nil else { return }
        self.core.send(id, Array(bytes.readableBytesView))
        self.flush()
    }

    func consumed(_ count: Int, on id: UInt32) {
        guard self.streams[id] != nil else { return }
        self.core.consumed(id, count)
        self.flush()
    }

    func finish(_ id: UInt32) {
        guard self.streams[id] != nil else { return }
        self.core.close(id)
        self.flush()
    }

    func reset(_ id: UInt32, _ reason: String) {
        guard self.streams.removeValue(forKey: id) != nil else { return }
        self.core.reset(id, reason: reason)
        self.flush()
    }

    private func handle(_ event: MuxEvent) {
        switch event {
        case .hello: self.onHello()
        case .opened(let id, let target):
            let stream = MuxStream(id: id, handler: self)
            self.streams[id] = stream
            self.onOpen(target, stream)
        case .data(let id, let bytes): self.streams[id]?.delegate?.streamReceived(ByteBuffer(bytes: bytes))
        case .writable(let id): self.streams[id]?.delegate?.streamWritable()
        case .ended(let id): self.streams[id]?.delegate?.streamEnded()
        case .reset(let id, let reason): self.streams.removeValue(forKey: id)?.delegate?.streamFailed(reason)
        case .finished(let id): self.streams[id] = nil
        }
    }

    /// Writes while the connection takes more. What an agent leaves unread stays in the core, which counts it and gives
    /// the connection up when the agent has more and more answered.
    private func flush() {
        while let context = self.context, context.channel.isWritable {
            let output = self.core.takeOutput()
            if output.isEmpty { return }
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: output)), promise: nil)
        }
    }

    private func fail(_ reason: String) {
        guard !self.closed else { return }
        self.closed = true
        let streams = self.streams.values
        self.streams = [:]
        for stream in streams { stream.delegate?.streamFailed(reason) }
        self.onClose(reason)
    }
}
