import Sandbox
import Synchronization

/// The right to use one instance for one connection; give it back with ``release()``.
public final class InstanceLease: Sendable {
    /// The instance.
    public let connection: AgentConnection
    private let lastActivity: Mutex<ContinuousClock.Instant>
    private let onRelease: Mutex<(@Sendable () -> Void)?>

    init(connection: AgentConnection, onRelease: @escaping @Sendable () -> Void) {
        self.connection = connection
        self.lastActivity = Mutex(.now)
        self.onRelease = Mutex(onRelease)
    }

    /// Notes that bytes went over the connection.
    public func touch() { self.lastActivity.withLock { $0 = .now } }

    /// When bytes went over the connection last.
    var active: ContinuousClock.Instant { self.lastActivity.withLock { $0 } }

    /// Gives the lease back; only the first call counts.
    public func release() {
        let action = self.onRelease.withLock { action in
            defer { action = nil }
            return action
        }
        action?()
    }
}
