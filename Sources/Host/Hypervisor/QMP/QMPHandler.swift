import NIOCore
import WireFormat

/// The connection's state on its event loop: who waits for which answer.
final class QMPHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var framing = LineFraming()
    private var waiting: [Int64: EventLoopPromise<JSONValue>] = [:]
    private var lastID: Int64 = 0
    private var failure: MachineError?
    private var version = ""
    private let ready: EventLoopPromise<String>
    private let onEvent: @Sendable (QMPEvent) -> Void

    /// `ready` gets QEMU's version once the negotiation is answered, which QEMU does when the machine is complete.
    init(ready: EventLoopPromise<String>, onEvent: @escaping @Sendable (QMPEvent) -> Void) {
        self.ready = ready
        self.onEvent = onEvent
    }

    /// Sends a command and fulfils the future with its answer, its refusal, or the lapse of `timeout`.
    func execute(
        _ command: String, _ arguments: [String: JSONValue], timeout: TimeAmount, channel: any Channel
    ) -> EventLoopFuture<JSONValue> {
        let loop = channel.eventLoop
        if let failure { return loop.makeFailedFuture(failure) }
        self.lastID += 1
        let id = self.lastID
        let promise = loop.makePromise(of: JSONValue.self)
        self.waiting[id] = promise
        let own = NIOLoopBound(self, eventLoop: loop)
        let alarm = loop.scheduleTask(in: timeout) {
            own.value.waiting.removeValue(forKey: id)?.fail(
                MachineError(.monitor, "QEMU's monitor did not answer \(command) in time"))
        }
        promise.futureResult.whenComplete { _ in alarm.cancel() }
        channel.writeAndFlush(
            ByteBuffer(bytes: QMPMessage.line(command, arguments: arguments, id: id)), promise: nil)
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            for line in try self.framing.receive(self.unwrapInboundIn(data).readableBytesView) {
                self.take(try QMPMessage(parsing: line))
            }
        } catch {
            self.fail(MachineError(.monitor, "QEMU's monitor sent what is not its protocol: \(error)"))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.fail(MachineError(.monitor, "QEMU's monitor closed"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(MachineError(.monitor, "QEMU's monitor failed: \(error)"))
        context.close(promise: nil)
    }

    private func take(_ message: QMPMessage) {
        switch message {
        case .greeting(let version): self.version = version
        case .event(let event): self.onEvent(event)
        case .result(0, _): self.ready.succeed(self.version)
        case .result(let id, let value):
            if let id { self.waiting.removeValue(forKey: id)?.succeed(value) }
        case .refusal(let id, let kind, let reason):
            guard let id, let promise = self.waiting.removeValue(forKey: id) else { return }
            promise.fail(MachineError(.monitor, "QEMU refused: \(reason) (\(kind))"))
        }
    }

    private func fail(_ error: MachineError) {
        guard self.failure == nil else { return }
        self.failure = error
        self.ready.fail(error)
        let waiting = self.waiting
        self.waiting = [:]
        for promise in waiting.values { promise.fail(error) }
    }
}
