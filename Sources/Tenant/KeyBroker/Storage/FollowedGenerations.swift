import Synchronization

/// Up to which state of each family of entries the broker's memory follows the store.
final class FollowedGenerations: Sendable {
    private let known = Mutex<[String: [UInt64]]>([:])

    /// Whether `generation` is another one than the last that was seen under this name.
    func isNews(_ name: String, _ generation: [UInt64]) -> Bool {
        known.withLock { known in
            guard known[name] != generation else { return false }
            known[name] = generation
            return true
        }
    }

    private let looked = Mutex(ContinuousClock.now)

    /// How long ago all of the store was looked at.
    var age: Duration { looked.withLock { .now - $0 } }

    /// All of the store was looked at, now or some time ago.
    func mark(ago: Duration = .zero) { looked.withLock { $0 = .now - ago } }

    /// Forgets what was seen, so that the next look finds news: what was seen could not be taken in.
    func forget(_ name: String) { known.withLock { $0[name] = nil } }
}
