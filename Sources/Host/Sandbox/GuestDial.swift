import NIOCore
import NIOPosix

/// Connects a guest's allowed dial request to its place and splices the two.
///
/// Bytes that the guest sends before the connection stands are kept within the stream's window.
final class GuestDial: MuxStreamDelegate {
    private let stream: MuxStream
    private var early: [ByteBuffer] = []
    private var ended = false
    private var failed = false
    private var keepAlive: GuestDial?

    private init(stream: MuxStream) { self.stream = stream }

    /// Serves the stream or resets it with a reason.
    ///
    /// - Parameters:
    ///   - target: As the guest sent it.
    ///   - stream: The guest's stream.
    ///   - policy: What is allowed.
    ///   - loop: The event loop of the agent's connection.
    static func serve(_ target: String, stream: MuxStream, policy: DialPolicy, loop: any EventLoop) {
        guard let place = policy.place(of: target) else {
            return stream.reset("\(target) is not a place of this pod's manifest")
        }
        let dial = GuestDial(stream: stream)
        stream.delegate = dial
        dial.keepAlive = dial
        let bound = NIOLoopBound(dial, eventLoop: loop)
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: false)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: place.host, port: place.port)
            .hop(to: loop)
            .whenComplete { bound.value.connected($0, place) }
    }

    func streamReceived(_ bytes: ByteBuffer) { self.early.append(bytes) }

    func streamEnded() { self.ended = true }

    func streamFailed(_ reason: String) { self.failed = true }

    func streamWritable() {}

    private func connected(_ result: Result<any Channel, any Error>, _ place: DialPolicy.Place) {
        self.keepAlive = nil
        switch result {
        case .failure: self.stream.reset("\(place.host):\(place.port) does not answer")
        case .success(let channel):
            guard !self.failed else { return channel.close(promise: nil) }
            let splice = StreamSplice(stream: self.stream)
            do {
                try channel.pipeline.syncOperations.addHandler(splice)
                try channel.syncOptions?.setOption(.autoRead, value: true)
            } catch {
                self.stream.reset("\(place.host):\(place.port) closed")
                return channel.close(promise: nil)
            }
            for bytes in self.early { splice.streamReceived(bytes) }
            if self.ended { splice.streamEnded() }
        }
    }
}
