import AgentProtocol
import NIOCore
import NIOPosix
import WireFormat

/// The connection with one agent: multiplexer, control stream, what the guest reported so far.
///
/// Values may go anywhere; ``open(_:)`` belongs to the event loop.
public struct AgentConnection: Sendable {
    /// What the guest sends besides answers.
    struct Sinks: Sendable {
        let log: @Sendable ([UInt8]) -> Void
        let closed: @Sendable (String) -> Void
    }

    private final class State {
        var timeline: Timeline
        var failed: SandboxFailure?
        var control: ControlClient?
        var handler: MuxHandler?

        init(timeline: Timeline) { self.timeline = timeline }
    }

    /// The event loop of the connection.
    public let loop: any EventLoop
    private let state: NIOLoopBound<State>
    private let channel: any Channel
    private let hello: EventLoopFuture<Void>

    /// Takes over a connected socket and waits for nothing.
    ///
    /// - Parameters:
    ///   - socket: The host's end of the agent's byte stream; owned by the connection from here on.
    ///   - policy: Where the guest may connect.
    ///   - confidential: Whether free text of the guest is dropped (rule R21).
    ///   - timeline: The start's timeline so far; the guest's phases are added.
    ///   - sinks: Where log records and the end of the connection go.
    ///   - loop: The event loop.
    static func take(
        socket: CInt, policy: DialPolicy, confidential: Bool, timeline: Timeline, sinks: Sinks, loop: any EventLoop
    ) async throws -> AgentConnection {
        let hello = loop.makePromise(of: Void.self)
        let made: EventLoopFuture<NIOLoopBound<State>> = loop.submit {
            NIOLoopBound(State(timeline: timeline), eventLoop: loop)
        }
        let state = try await made.get()
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelOption(.allowRemoteHalfClosure, value: false)
                .channelOption(.writeBufferWaterMark, value: .init(low: 128 << 10, high: 512 << 10))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = MuxHandler(
                            onHello: {
                                state.value.timeline.mark(.kernel)
                                hello.succeed()
                            },
                            onOpen: { target, stream in
                                GuestDial.serve(target, stream: stream, policy: policy, loop: loop)
                            },
                            onClose: { reason in
                                hello.fail(SandboxFailure(.guestFailed, reason))
                                sinks.closed(reason)
                            })
                        state.value.handler = handler
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .withConnectedSocket(socket).get()
        } catch {
            hello.fail(error)
            throw error
        }
        try await loop.submit {
            let state = state.value
            guard let stream = state.handler?.open("control") else { return }
            state.control = ControlClient(stream: stream, loop: loop) { event in
                Self.handle(event, state, confidential: confidential, sinks: sinks)
            }
        }.get()
        return AgentConnection(loop: loop, state: state, channel: channel, hello: hello.futureResult)
    }

    /// Waits until the agent introduced itself.
    func waitForHello(within limit: TimeAmount) async throws(SandboxFailure) {
        try await self.await(self.hello, within: limit, what: "the agent to start")
    }

    /// Asks the agent for an operation.
    func request(
        _ operation: ControlOperation, within limit: TimeAmount
    ) async throws(SandboxFailure) -> JSONValue {
        let state = self.state
        let loop = self.loop
        let answer = loop.flatSubmit {
            state.value.control?.request(operation)
                ?? loop.makeFailedFuture(SandboxFailure(.guestFailed, "no control stream"))
        }
        return try await self.await(answer, within: limit, what: "the agent to answer \(operation.name)")
    }

    /// Opens an ingress stream; only on the event loop.
    ///
    /// - Parameter target: `tls` or `http`.
    /// - Returns: The stream, or nil when the connection is gone.
    public func open(_ target: String) -> MuxStream? { self.state.value.handler?.open(target) }

    /// Adds a phase that the host observed, and returns all phases so far.
    func mark(_ phase: Timeline.Phase?) async -> Timeline {
        let state = self.state
        let marked = self.loop.submit {
            if let phase { state.value.timeline.mark(phase) }
            return state.value.timeline
        }
        return (try? await marked.get()) ?? Timeline()
    }

    /// The failure that the guest reported, if any.
    func reportedFailure() async -> SandboxFailure? {
        let state = self.state
        return try? await self.loop.submit { state.value.failed }.get()
    }

    /// Closes the connection.
    func close() async { try? await self.channel.close() }

    private static func handle(_ event: GuestEvent, _ state: State, confidential: Bool, sinks: Sinks) {
        switch event {
        case .phase(let phase, _): state.timeline.mark(Timeline.Phase(phase))
        case .failed(let kind, let reason):
            guard state.failed == nil else { return }
            // Free text of a confidential guest is dropped, whoever sent it (rule R21).
            state.failed = SandboxFailure(.init(kind), confidential ? "" : GuestText.cleaned(reason ?? ""))
        case .sealedLog(let record): sinks.log(record)
        case .log(let text): if !confidential { sinks.log(Array(text.utf8)) }
        }
    }

    private func await<Value: Sendable>(
        _ future: EventLoopFuture<Value>, within limit: TimeAmount, what: String
    ) async throws(SandboxFailure) -> Value {
        let promise = self.loop.makePromise(of: Value.self)
        let timer = self.loop.scheduleTask(in: limit) {
            promise.fail(SandboxFailure(.timedOut, "waited \(limit.nanoseconds / 1_000_000_000) s for \(what)"))
        }
        future.cascade(to: promise)
        promise.futureResult.whenComplete { _ in timer.cancel() }
        do {
            return try await promise.futureResult.get()
        } catch let failure as SandboxFailure {
            throw failure
        } catch {
            throw SandboxFailure(.guestFailed, "waiting for \(what): \(error)")
        }
    }
}
