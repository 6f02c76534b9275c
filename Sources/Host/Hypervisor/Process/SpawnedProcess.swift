import Glibc
import Synchronization

/// How a process ended.
public struct ProcessStatus: Sendable, Equatable {
    /// The exit code, or nil when a signal ended it.
    public let code: CInt?
    /// The signal that ended it, if one did.
    public let signal: CInt?

    /// Creates a status.
    public init(code: CInt?, signal: CInt?) {
        self.code = code
        self.signal = signal
    }

    /// For a process that is not our child: it is gone, how is not known.
    static let unknown = ProcessStatus(code: nil, signal: nil)
}

/// A process that the ``Spawner`` started or watches.
public final class SpawnedProcess: Sendable {
    private enum State {
        case running([CheckedContinuation<ProcessStatus, Never>])
        case ended(ProcessStatus)
    }

    /// The process id; it may name another process once this one has ended.
    public let pid: pid_t
    private let state = Mutex(State.running([]))

    init(pid: pid_t) { self.pid = pid }

    /// Waits for the end; at once when it is over. Cancelling the waiting task does not stop the wait.
    public func exit() async -> ProcessStatus {
        await withCheckedContinuation { continuation in
            let status: ProcessStatus? = self.state.withLock { state in
                switch state {
                case .ended(let status): return status
                case .running(let waiting):
                    state = .running(waiting + [continuation])
                    return nil
                }
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    /// The status once the process has ended, nil while it runs.
    public var status: ProcessStatus? {
        self.state.withLock { if case .ended(let status) = $0 { status } else { nil } }
    }

    /// Sends a signal, unless the process was already reaped (its id could name another by then).
    public func signal(_ number: CInt) {
        self.state.withLock { state in
            if case .running = state { kill(self.pid, number) }
        }
    }

    /// SIGTERM, then SIGKILL after `grace`; returns when the process is gone.
    public func end(grace: Duration) async -> ProcessStatus {
        self.signal(SIGTERM)
        let killer = Task {
            try await Task.sleep(for: grace)
            self.signal(SIGKILL)
        }
        defer { killer.cancel() }
        return await self.exit()
    }

    /// Reaps under the lock, so that no signal can reach a successor of the same id.
    func finish(_ reap: () -> ProcessStatus) {
        let (waiting, status): ([CheckedContinuation<ProcessStatus, Never>], ProcessStatus) = self.state.withLock {
            guard case .running(let waiting) = $0 else { return ([], .unknown) }
            let status = reap()
            $0 = .ended(status)
            return (waiting, status)
        }
        for continuation in waiting { continuation.resume(returning: status) }
    }
}
