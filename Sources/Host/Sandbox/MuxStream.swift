import NIOCore

/// What happens on a stream; called on the event loop of its connection.
protocol MuxStreamDelegate: AnyObject {
    /// Bytes came; call ``MuxStream/consumed(_:)`` once they are dealt with, so that the peer may send more.
    func streamReceived(_ bytes: ByteBuffer)
    /// The peer sends no more.
    func streamEnded()
    /// The stream is gone, by a reset or with its connection.
    func streamFailed(_ reason: String)
    /// The peer gave credit: writing may go on.
    func streamWritable()
}

/// One stream of a multiplexed connection; confined to the event loop of that connection.
public final class MuxStream {
    /// The stream's number on the wire.
    public let id: UInt32
    /// Who hears what happens on it.
    weak var delegate: (any MuxStreamDelegate)?
    private weak var handler: MuxHandler?

    init(id: UInt32, handler: MuxHandler) {
        self.id = id
        self.handler = handler
    }

    /// Whether the peer and the connection take more bytes now.
    public var isWritable: Bool { self.handler?.isWritable(self.id) ?? false }

    /// Sends bytes, now or when there is credit.
    public func write(_ bytes: ByteBuffer) { self.handler?.write(bytes, on: self.id) }

    /// Gives the peer credit for bytes that were dealt with.
    public func consumed(_ count: Int) { self.handler?.consumed(count, on: self.id) }

    /// Sends no more after what was written (half close).
    public func finish() { self.handler?.finish(self.id) }

    /// Ends the stream in both directions at once.
    public func reset(_ reason: String) { self.handler?.reset(self.id, reason) }

    /// Joins the stream with a TCP connection of the same event loop; bytes go through unchanged from here on.
    ///
    /// - Parameters:
    ///   - channel: The connection; the splice becomes its last handler.
    ///   - held: Bytes that were read from it already.
    ///   - inputClosed: Whether its sending side was closed already.
    ///   - onActivity: Called for bytes in either direction.
    ///   - onEnd: Called once, when both directions are done or one failed.
    public func splice(
        with channel: any Channel, held: ByteBuffer, inputClosed: Bool, onActivity: @escaping () -> Void,
        onEnd: @escaping () -> Void
    ) throws {
        let splice = StreamSplice(stream: self, onActivity: onActivity, onEnd: onEnd)
        try channel.pipeline.syncOperations.addHandler(splice)
        splice.catchUp(held, inputClosed: inputClosed)
        try channel.syncOptions?.setOption(.autoRead, value: self.isWritable)
    }
}
