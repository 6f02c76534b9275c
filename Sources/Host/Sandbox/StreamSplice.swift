import NIOCore

/// Joins a TCP connection with a stream of the agent's connection: both directions, back pressure, half close.
///
/// Bytes are neither looked at nor changed. Reading from TCP stops while the guest gives no credit; credit goes back to
/// the guest when TCP took the bytes.
final class StreamSplice: ChannelInboundHandler, MuxStreamDelegate {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let stream: MuxStream
    private let onActivity: () -> Void
    private let onEnd: () -> Void
    private var context: ChannelHandlerContext?
    private var channelSentAll = false
    private var streamSentAll = false
    private var ended = false

    /// Creates a splice; it works once it is the last handler of the TCP connection's pipeline.
    ///
    /// - Parameters:
    ///   - stream: The stream, on the same event loop as the connection.
    ///   - onActivity: Called for bytes in either direction.
    ///   - onEnd: Called once, when both directions are done or one failed.
    init(stream: MuxStream, onActivity: @escaping () -> Void = {}, onEnd: @escaping () -> Void = {}) {
        self.stream = stream
        self.onActivity = onActivity
        self.onEnd = onEnd
        // The pipeline owns this object; the stream refers to it weakly.
        stream.delegate = self
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.send(self.unwrapInboundIn(data), context) }

    /// Sends bytes that came over the TCP connection, now or before the splice was in place.
    func send(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        self.onActivity()
        self.stream.write(bytes)
        if !self.stream.isWritable { self.setReading(false, context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { self.finishFromChannel(context) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !self.ended {
            self.stream.reset("connection closed")
            self.end()
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Catches up with what happened on the TCP connection before the splice was in place.
    func catchUp(_ held: ByteBuffer, inputClosed: Bool) {
        guard let context = self.context else { return }
        if held.readableBytes > 0 { self.send(held, context) }
        if inputClosed { self.finishFromChannel(context) }
    }

    func streamReceived(_ bytes: ByteBuffer) {
        self.onActivity()
        guard let context = self.context else { return self.stream.consumed(bytes.readableBytes) }
        let stream = NIOLoopBound(self.stream, eventLoop: context.eventLoop)
        context.writeAndFlush(self.wrapOutboundOut(bytes)).whenSuccess {
            stream.value.consumed(bytes.readableBytes)
        }
    }

    func streamEnded() {
        self.streamSentAll = true
        guard let context = self.context else { return }
        if self.channelSentAll {
            self.closeWhenWritten(context)
        } else {
            context.close(mode: .output, promise: nil)
        }
    }

    func streamFailed(_ reason: String) {
        self.end()
        self.context?.close(promise: nil)
    }

    func streamWritable() {
        if let context = self.context { self.setReading(true, context) }
    }

    private func finishFromChannel(_ context: ChannelHandlerContext) {
        guard !self.channelSentAll else { return }
        self.channelSentAll = true
        self.stream.finish()
        if self.streamSentAll { self.closeWhenWritten(context) }
    }

    private func closeWhenWritten(_ context: ChannelHandlerContext) {
        // An empty write is ordered after all bytes written before it.
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer())).whenComplete { _ in
            bound.value.close(promise: nil)
        }
        self.end()
    }

    private func setReading(_ reading: Bool, _ context: ChannelHandlerContext) {
        try? context.channel.syncOptions?.setOption(.autoRead, value: reading)
        if reading { context.read() }
    }

    private func end() {
        guard !self.ended else { return }
        self.ended = true
        self.onEnd()
    }
}
