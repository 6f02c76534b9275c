import Synchronization

/// What was learnt about a machine's end: the first cause counts, and those who wait are told once.
final class ShutdownRecord: Sendable {
    private struct State {
        var cause: MachineExit.Cause?
        var hasEnded = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// The first cause that was noted.
    var cause: MachineExit.Cause? { self.state.withLock { $0.cause } }

    /// Notes a cause, unless one is known.
    func note(_ cause: MachineExit.Cause) {
        self.state.withLock { if $0.cause == nil { $0.cause = cause } }
    }

    /// Marks the end and wakes all who wait.
    func end() {
        let waiting = self.state.withLock { state in
            state.hasEnded = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits for the end.
    func ended() async {
        await withCheckedContinuation { continuation in
            let isOver = self.state.withLock { state in
                if !state.hasEnded { state.waiting.append(continuation) }
                return state.hasEnded
            }
            if isOver { continuation.resume() }
        }
    }
}
