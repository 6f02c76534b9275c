/// Bounds what strangers can ask of the report device, which serves one request at a time and is slow on hardware: the
/// agent's own evidence must not wait behind theirs. All clients of a pod share the bound. Used on one event loop.
final class AttestationLimit {
    /// Requests that may be in flight.
    static let atOnce = 4
    /// Requests that may come together after a quiet time.
    static let burst = 16
    /// Milliseconds until another request may come: two a second.
    static let interval: Int64 = 500
    /// What a refused client is told to wait, in seconds.
    static let retryAfter = 2

    private let clock: () -> Int64
    private var active = 0
    private var left = AttestationLimit.burst
    private var counted: Int64

    /// `clock` gives milliseconds that never go back.
    init(clock: @escaping () -> Int64) {
        self.clock = clock
        counted = clock()
    }

    /// Takes a place, to be given back with ``leave()``. False when there is none now.
    func enter() -> Bool {
        let now = clock()
        let earned = (now - counted) / Self.interval
        counted += earned * Self.interval
        left = Int(min(Int64(Self.burst), Int64(left) + earned))
        guard active < Self.atOnce, left > 0 else { return false }
        active += 1
        left -= 1
        return true
    }

    /// Gives a place back.
    func leave() { active -= 1 }
}
