/// Why the store did not do what was asked. In each case nothing of the failed transaction is stored, except for
/// ``Kind/unsure``.
public struct StoreFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure it is; callers decide by it whether a client should try again.
    public enum Kind: String, Sendable {
        /// The database did not answer in time, or not at all.
        case unreachable
        /// The connection broke while a change was under way: it may be stored or not.
        case unsure
        /// There is no room left.
        case full
        /// Something that was stored was changed, moved, removed or replaced by an older state from outside.
        case tampered
        /// The root key does not open the store.
        case rootKey = "root-key"
        /// What is asked does not fit the store's limits.
        case limit
        /// The store failed in another way.
        case failed
    }

    /// The kind.
    public let kind: Kind
    /// What happened and what to do, in one sentence or two without any secret.
    public let reason: String

    /// Creates a failure.
    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// Kind and reason in one line.
    public var description: String { "store \(kind.rawValue): \(reason)" }
}
