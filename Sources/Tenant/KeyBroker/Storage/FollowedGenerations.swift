import Synchronization

/// Up to which state of each family of entries the broker's memory follows the store.
final class FollowedGenerations: Sendable {
    private let known = Mutex<[String: [UInt64]]>([:])

    /// Whether `generation` is another one than the last that was taken in under this name.
    func isNews(_ name: String, _ generation: [UInt64]) -> Bool { known.withLock { $0[name] != generation } }

    /// Notes what was taken in. Not before: whoever follows meanwhile must not believe it is done.
    func note(_ name: String, _ generation: [UInt64]) { known.withLock { $0[name] = generation } }

    private let looked = Mutex(ContinuousClock.now)

    /// How long ago all of the store was looked at.
    var age: Duration { looked.withLock { .now - $0 } }

    /// All of the store was looked at, now or some time ago.
    func mark(ago: Duration = .zero) { looked.withLock { $0 = .now - ago } }
}
