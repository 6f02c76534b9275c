import Glibc

/// Milliseconds since the agent began.
public struct AgentClock: Sendable {
    private let start: Int64

    /// Starts counting.
    public init() { start = Self.now() }

    /// Milliseconds since this clock was made.
    public var milliseconds: Int64 { Self.now() - start }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
