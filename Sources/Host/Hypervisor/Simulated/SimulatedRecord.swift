import Glibc
import Synchronization

/// What a simulated processor has told so far, for those who wait for the start or the end of its channel.
final class SimulatedRecord: Sendable {
    private typealias Start = Result<(pid_t, String), MachineError>

    private struct State {
        var start: Start?
        var end: MachineExit?
        var isClosed = false
        var waitingForStart: CheckedContinuation<Start, Never>?
        var waitingForClose: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// How QEMU ended, when the processor told.
    var end: MachineExit? { self.state.withLock { $0.end } }

    /// Notes an event; nil is the end of the channel.
    func note(_ event: SoftTEEEvent?) {
        let (starter, start, closers) = self.state.withLock {
            state -> (CheckedContinuation<Start, Never>?, Start?, [CheckedContinuation<Void, Never>]) in
            switch event {
            case .started(let pid, let measurement): state.start = state.start ?? .success((pid, measurement))
            case .failed(let reason):
                state.start = state.start ?? .failure(MachineError(.launchFailed, reason))
            case .ended(let exit): state.end = exit
            case nil:
                state.isClosed = true
                state.start = state.start ?? .failure(MachineError(.launchFailed, "it ended"))
            }
            let closers = state.isClosed ? state.waitingForClose : []
            if state.isClosed { state.waitingForClose = [] }
            guard state.start != nil else { return (nil, nil, closers) }
            defer { state.waitingForStart = nil }
            return (state.waitingForStart, state.start, closers)
        }
        if let starter, let start { starter.resume(returning: start) }
        for closer in closers { closer.resume() }
    }

    /// Waits for the start or its failure; one caller only.
    func started() async throws(MachineError) -> (pid: pid_t, measurement: String) {
        let start: Start = await withCheckedContinuation { continuation in
            let known: Start? = self.state.withLock { state in
                if state.start == nil { state.waitingForStart = continuation }
                return state.start
            }
            if let known { continuation.resume(returning: known) }
        }
        let (pid, measurement) = try start.get()
        return (pid, measurement)
    }

    /// Waits until the channel is closed.
    func closed() async {
        await withCheckedContinuation { continuation in
            let isClosed = self.state.withLock { state in
                if !state.isClosed { state.waitingForClose.append(continuation) }
                return state.isClosed
            }
            if isClosed { continuation.resume() }
        }
    }
}
