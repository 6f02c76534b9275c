import AgentProtocol
import NIOCore
import Synchronization

/// What a fake guest saw and how it behaves.
public final class FakeGuest: Sendable {
    /// How a fake guest behaves.
    public struct Behaviour: Sendable {
        /// The launch itself fails with this message.
        public var launchFailure: String?
        /// The guest never says anything.
        public var isSilent = false
        /// The start fails with this kind.
        public var startFailure: FailureKind?
        /// The reason sent along, which a confidential guest would not send.
        public var failureReason: String?
        /// How long a start takes.
        public var startDelay = TimeAmount.milliseconds(5)
        /// Places the guest dials once it is started.
        public var dials: [String] = []
        /// Log records it sends once it is started.
        public var records: [[UInt8]] = []

        /// A guest that does all that it is asked.
        public init() {}
    }

    /// How it behaves.
    public let behaviour: Behaviour
    private let seen = Mutex<[ControlOperation]>([])
    private let dialled = Mutex<[String: String]>([:])
    private let streams = Mutex<Int>(0)

    init(_ behaviour: Behaviour) { self.behaviour = behaviour }

    /// What the host asked, in order.
    public var operations: [ControlOperation] { self.seen.withLock { $0 } }

    /// What came of each dial: bytes that were received, or `reset: reason`.
    public var dials: [String: String] { self.dialled.withLock { $0 } }

    /// How many ingress streams were opened.
    public var ingressCount: Int { self.streams.withLock { $0 } }

    func note(_ operation: ControlOperation) { self.seen.withLock { $0.append(operation) } }

    func noteIngress() { self.streams.withLock { $0 += 1 } }

    func noteDial(_ target: String, _ text: String) { self.dialled.withLock { $0[target, default: ""] += text } }
}

/// The guest's end of the multiplexer.
final class FakeGuestHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let guest: FakeGuest
    private var core = MuxCore(role: .guest)
    private var splitter = LineSplitter()
    private var control: UInt32?
    private var targets: [UInt32: String] = [:]

    init(_ guest: FakeGuest) { self.guest = guest }

    func channelActive(context: ChannelHandlerContext) {
        if !self.guest.behaviour.isSilent { self.flush(context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.guest.behaviour.isSilent { return }
        guard let events = try? self.core.receive(Array(self.unwrapInboundIn(data).readableBytesView)) else {
            return context.close(promise: nil)
        }
        for event in events { self.handle(event, context) }
        self.flush(context)
    }

    private func handle(_ event: MuxEvent, _ context: ChannelHandlerContext) {
        switch event {
        case .opened(let id, let target):
            self.targets[id] = target
            if target == "control" {
                self.control = id
                self.core.send(id, GuestEvent.phase(.agent, milliseconds: 1).line)
            } else {
                self.guest.noteIngress()
            }
        case .data(let id, let bytes):
            self.core.consumed(id, bytes.count)
            let target = self.targets[id] ?? ""
            if id == self.control {
                for line in (try? self.splitter.append(bytes)) ?? [] { self.serve(line, id, context) }
            } else if target == "http" {
                self.core.send(id, Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".utf8))
            } else if target.hasPrefix("dial:") {
                self.guest.noteDial(target, String(decoding: bytes, as: UTF8.self))
            } else {
                self.core.send(id, bytes)
            }
        case .ended(let id): self.core.close(id)
        case .reset(let id, let reason):
            if let target = self.targets[id], target.hasPrefix("dial:") {
                self.guest.noteDial(target, "reset: \(reason)")
            }
        case .hello, .writable, .finished: break
        }
    }

    private func serve(_ line: [UInt8], _ id: UInt32, _ context: ChannelHandlerContext) {
        guard let request = try? ControlRequest(parsing: line) else { return }
        self.guest.note(request.operation)
        if case .start = request.operation {
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: self.guest.behaviour.startDelay) {
                let (handler, context) = bound.value
                handler.finishStart(request.id, id)
                handler.flush(context)
            }
        } else {
            self.core.send(id, ControlReply(id: request.id, outcome: .success(["state": "fake"])).line)
        }
    }

    private func finishStart(_ request: Int64, _ id: UInt32) {
        let behaviour = self.guest.behaviour
        if let kind = behaviour.startFailure {
            self.core.send(id, GuestEvent.failed(kind, reason: behaviour.failureReason).line)
            let refusal = ControlRefusal(kind: .failure(kind), reason: behaviour.failureReason ?? "")
            self.core.send(id, ControlReply(id: request, outcome: .failure(refusal)).line)
            return
        }
        for phase in [Phase.image, .container, .app] {
            self.core.send(id, GuestEvent.phase(phase, milliseconds: 2).line)
        }
        for record in behaviour.records { self.core.send(id, GuestEvent.sealedLog(record).line) }
        self.core.send(id, ControlReply(id: request, outcome: .success([:])).line)
        for target in behaviour.dials {
            if let stream = try? self.core.open(target: target) {
                self.targets[stream] = target
                self.core.send(stream, Array("ping".utf8))
            }
        }
    }

    private func flush(_ context: ChannelHandlerContext) {
        let output = self.core.takeOutput()
        if !output.isEmpty { context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: output)), promise: nil) }
    }
}
