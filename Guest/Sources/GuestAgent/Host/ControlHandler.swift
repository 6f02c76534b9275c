import AgentProtocol
import NIOCore
import WireFormat

/// One control stream of the host: lines in, lines out. Requests are served in their order, except that `start`, which
/// takes long, does not keep later ones waiting. While the host leaves answers unread, its requests are not read either.
final class ControlHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let outbox: EventOutbox
    private let serve: @Sendable (ControlRequest) async -> ControlReply
    private var splitter = LineSplitter(limit: 4 << 20)
    private var requests: AsyncStream<ControlRequest>.Continuation?
    private var readHeld = false

    init(outbox: EventOutbox, serve: @escaping @Sendable (ControlRequest) async -> ControlReply) {
        self.outbox = outbox
        self.serve = serve
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        requests = Self.startServing(channel, serve)
        outbox.attach(channel)
    }

    func channelActive(context: ChannelHandlerContext) {
        outbox.flush()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        guard let bytes = buffer.readBytes(length: buffer.readableBytes) else { return }
        do throws(WireError) {
            for line in try splitter.append(bytes) {
                do throws(WireError) {
                    requests?.yield(try ControlRequest(parsing: line))
                } catch {
                    Self.send(
                        ControlReply(
                            id: 0, outcome: .failure(ControlRefusal(kind: .badRequest, reason: error.description))),
                        context.channel)
                }
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable { context.read() } else { readHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        outbox.flush()
        if readHeld, context.channel.isWritable {
            readHeld = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        requests?.finish()
        outbox.detach(context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private static func startServing(
        _ channel: any Channel, _ serve: @escaping @Sendable (ControlRequest) async -> ControlReply
    ) -> AsyncStream<ControlRequest>.Continuation {
        let requests = AsyncStream.makeStream(of: ControlRequest.self, bufferingPolicy: .bufferingOldest(64))
        let stream = requests.stream
        Task {
            for await request in stream {
                if case .start = request.operation {
                    Task { send(await serve(request), channel) }
                } else {
                    send(await serve(request), channel)
                }
            }
        }
        return requests.continuation
    }

    private static func send(_ reply: ControlReply, _ channel: any Channel) {
        channel.writeAndFlush(ByteBuffer(bytes: reply.line), promise: nil)
    }
}
