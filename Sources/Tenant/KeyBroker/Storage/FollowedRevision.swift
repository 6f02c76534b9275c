import Synchronization

/// Up to which revision of the store the broker's memory follows.
final class FollowedRevision: Sendable {
    private let revision = Mutex<UInt64>(0)

    /// Goes on to `next`; answers whether that is news.
    func advance(to next: UInt64) -> Bool {
        revision.withLock { known in
            guard next != known else { return false }
            known = next
            return true
        }
    }
}
