import NIOCore
import Sandbox

/// Serves one connection: looks for the host, holds the bytes while an instance starts, then splices.
final class GatewayHandler<Dialect: GatewayDialect>: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// Looking for the host.
        case peeking
        /// An instance is being found or started.
        case waiting
        /// Spliced, refused or gone.
        case done
    }

    /// The most bytes held while an instance starts; then the client waits in its own buffers.
    private let heldLimit = 64 << 10
    private let dialect: Dialect
    private let activator: Activator
    private let limits: Gateway<Dialect>.Limits
    private var state = State.peeking
    private var held = ByteBuffer()
    private var inputClosed = false
    private var timer: Scheduled<Void>?

    init(dialect: Dialect, activator: Activator, limits: Gateway<Dialect>.Limits) {
        self.dialect = dialect
        self.activator = activator
        self.limits = limits
    }

    func channelActive(context: ChannelHandlerContext) {
        self.arm(self.limits.hello, context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        switch self.state {
        case .done: return
        case .waiting:
            self.held.writeBuffer(&bytes)
            if self.held.readableBytes > self.heldLimit {
                try? context.channel.syncOptions?.setOption(.autoRead, value: false)
            }
        case .peeking:
            self.held.writeBuffer(&bytes)
            switch self.dialect.peek(self.held.readableBytesView) {
            case .needsMore: return
            case .refuse(let answer): self.refuse(answer, context)
            case .host(let host):
                self.state = .waiting
                self.arm(self.limits.start, context)
                self.find(host, context)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            self.inputClosed = true
            if case .peeking = self.state { self.close(context) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.state = .done
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.close(context) }

    private func find(_ host: String, _ context: ChannelHandlerContext) {
        let (activator, dialect) = (self.activator, self.dialect)
        let found = context.eventLoop.makeFutureWithTask { () -> Result<InstanceLease, Refusal> in
            let route = await activator.route(host)
            if let answer = dialect.refusal(host: host, route: route) { return .failure(Refusal(answer: answer)) }
            guard let route else { return .failure(Refusal(answer: [])) }
            do throws(SandboxFailure) {
                return .success(try await activator.lease(route.key))
            } catch {
                return .failure(Refusal(answer: dialect.failure(error)))
            }
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        found.whenSuccess { result in
            let (handler, context) = bound.value
            switch result {
            case .failure(let refusal): handler.refuse(refusal.answer, context)
            case .success(let lease): handler.splice(lease, context)
            }
        }
    }

    private func splice(_ lease: InstanceLease, _ context: ChannelHandlerContext) {
        guard case .waiting = self.state else { return lease.release() }
        self.timer?.cancel()
        guard lease.connection.loop.inEventLoop, let stream = lease.connection.open(self.dialect.target) else {
            lease.release()
            return self.refuse(
                self.dialect.failure(SandboxFailure(.exited, "the instance ended just now; try again")), context)
        }
        self.state = .done
        let held = self.held
        self.held = ByteBuffer()
        do {
            try stream.splice(
                with: context.channel, held: held, inputClosed: self.inputClosed, onActivity: { lease.touch() },
                onEnd: { lease.release() })
        } catch {
            stream.reset("connection closed")
            lease.release()
            return self.close(context)
        }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    /// Answers and closes; the client gets time to read the answer before unread bytes of its own reset the connection.
    private func refuse(_ answer: [UInt8], _ context: ChannelHandlerContext) {
        if case .done = self.state { return }
        self.state = .done
        self.timer?.cancel()
        self.held = ByteBuffer()
        guard !answer.isEmpty else { return context.close(promise: nil) }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let isHalfClosed = self.inputClosed
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: answer))).whenComplete { _ in
            bound.value.close(mode: isHalfClosed ? .all : .output, promise: nil)
        }
        self.timer = context.eventLoop.scheduleTask(in: .milliseconds(500)) { bound.value.close(promise: nil) }
    }

    private func arm(_ limit: TimeAmount, _ context: ChannelHandlerContext) {
        self.timer?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.timer = context.eventLoop.scheduleTask(in: limit) {
            let (handler, context) = bound.value
            guard case .waiting = handler.state else { return handler.close(context) }
            handler.refuse(
                handler.dialect.failure(SandboxFailure(.timedOut, "no instance was ready in time")), context)
        }
    }

    private func close(_ context: ChannelHandlerContext) {
        self.state = .done
        self.timer?.cancel()
        context.close(promise: nil)
    }

    private struct Refusal: Error {
        let answer: [UInt8]
    }
}
