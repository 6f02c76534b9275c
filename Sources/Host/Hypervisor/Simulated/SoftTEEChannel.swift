import CLinux
import Glibc
import NIOCore
import NIOPosix
import WireFormat

/// The node's end of a simulated processor's control socket.
final class SoftTEEChannel: Sendable {
    private let channel: any Channel

    private init(channel: any Channel) { self.channel = channel }

    /// Sends the request with its descriptors and starts to listen.
    ///
    /// - Parameters:
    ///   - socket: The control socket; it belongs to the channel from here on.
    ///   - request: What to launch.
    ///   - descriptors: Duplicated into the other process.
    ///   - onEvent: Called for each event, and with nil once when the other end is gone.
    static func open(
        _ socket: OwnedDescriptor, request: SoftTEERequest, descriptors: [CInt],
        onEvent: @escaping @Sendable (SoftTEEEvent?) -> Void
    ) async throws(MachineError) -> SoftTEEChannel {
        let line = request.line
        let sent = cl_send_fds(socket.value ?? -1, line, line.count, descriptors, descriptors.count)
        guard sent == line.count else {
            throw MachineError(.launchFailed, "cannot send the launch request to testudo-softtee")
        }
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(SoftTEEEventHandler(onEvent: onEvent))
                    }
                }
                .withConnectedSocket(socket.take() ?? -1)
                .get()
            return SoftTEEChannel(channel: channel)
        } catch {
            throw MachineError(.launchFailed, "cannot use testudo-softtee's control socket: \(error)")
        }
    }

    /// Closes our end, which tells the simulated processor to end its machine and itself.
    func close() { self.channel.close(promise: nil) }
}

private final class SoftTEEEventHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var framing = LineFraming(limit: 64 << 10)
    private let onEvent: @Sendable (SoftTEEEvent?) -> Void

    init(onEvent: @escaping @Sendable (SoftTEEEvent?) -> Void) { self.onEvent = onEvent }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            for line in try self.framing.receive(self.unwrapInboundIn(data).readableBytesView) {
                self.onEvent(try SoftTEEEvent(parsing: line))
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { self.onEvent(nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
