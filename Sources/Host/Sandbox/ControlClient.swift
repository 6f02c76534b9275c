import AgentProtocol
import NIOCore
import WireFormat

/// Asks the agent over its control stream, one JSON object a line; confined to the connection's event loop.
final class ControlClient: MuxStreamDelegate {
    private let stream: MuxStream
    private let loop: any EventLoop
    private let onEvent: (GuestEvent) -> Void
    private var splitter = LineSplitter(limit: 256 << 10)
    private var waiting: [Int64: EventLoopPromise<JSONValue>] = [:]
    private var next: Int64 = 1
    private var failure: SandboxFailure?

    init(stream: MuxStream, loop: any EventLoop, onEvent: @escaping (GuestEvent) -> Void) {
        self.stream = stream
        self.loop = loop
        self.onEvent = onEvent
        stream.delegate = self
    }

    /// Sends a request.
    ///
    /// - Parameter operation: What is asked.
    /// - Returns: What the agent answered; fails with ``SandboxFailure`` when it refused or went away.
    func request(_ operation: ControlOperation) -> EventLoopFuture<JSONValue> {
        if let failure = self.failure { return self.loop.makeFailedFuture(failure) }
        let id = self.next
        self.next += 1
        let promise = self.loop.makePromise(of: JSONValue.self)
        self.waiting[id] = promise
        self.stream.write(ByteBuffer(bytes: ControlRequest(id: id, operation: operation).line))
        return promise.futureResult
    }

    func streamReceived(_ bytes: ByteBuffer) {
        defer { self.stream.consumed(bytes.readableBytes) }
        guard self.failure == nil else { return }
        do throws(WireError) {
            for line in try self.splitter.append(Array(bytes.readableBytesView)) {
                self.handle(try GuestMessage(parsing: line))
            }
        } catch {
            self.fail("the agent's control stream is malformed: \(error)")
        }
    }

    func streamEnded() { self.fail("the agent closed its control stream") }

    func streamFailed(_ reason: String) { self.fail(reason) }

    func streamWritable() {}

    private func handle(_ message: GuestMessage) {
        switch message {
        case .event(let event): self.onEvent(event)
        case .reply(let reply):
            guard let promise = self.waiting.removeValue(forKey: reply.id) else { return }
            switch reply.outcome {
            case .success(let value): promise.succeed(value)
            case .failure(let refusal): promise.fail(SandboxFailure(refusal))
            }
        }
    }

    private func fail(_ reason: String) {
        guard self.failure == nil else { return }
        let failure = SandboxFailure(.guestFailed, reason)
        self.failure = failure
        let waiting = self.waiting.values
        self.waiting = [:]
        for promise in waiting { promise.fail(failure) }
        self.stream.reset(reason)
    }
}

extension SandboxFailure {
    init(_ refusal: ControlRefusal) {
        if case .failure(let kind) = refusal.kind {
            self.init(Kind(kind), GuestText.cleaned(refusal.reason))
        } else {
            self.init(.guestFailed, GuestText.cleaned(refusal.description))
        }
    }
}

extension SandboxFailure.Kind {
    init(_ kind: FailureKind) {
        switch kind {
        case .unreachable: self = .unreachable
        case .keyReleaseDenied: self = .keyReleaseDenied
        case .imageRefused: self = .imageRefused
        case .guestFailed: self = .guestFailed
        case .exited: self = .exited
        }
    }
}

/// Text of a guest, made fit for one line of a condition.
enum GuestText {
    /// The text without control characters, at most 500 characters.
    static func cleaned(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(500).map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }
        return String(String.UnicodeScalarView(scalars))
    }
}
