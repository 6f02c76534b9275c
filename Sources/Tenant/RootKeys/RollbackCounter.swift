/// Counts the checkpoints of a store in a place that whoever can roll the store back cannot roll back with it.
///
/// At a checkpoint the store writes its signed head with the number `value() + 1`, waits until that is durable, and then
/// calls ``advance()``. When it opens, ``Checkpoint`` compares the head's number with the counter. A store checkpoints
/// at each start, at shutdown, and after a number of revisions in between: after each one where ``wears`` is false.
/// What was written since the last checkpoint can be taken back unseen; nothing older can.
public protocol RollbackCounter: Sendable {
    /// A short name that errors and audit lines say: `tpm` or `file`.
    var kind: String { get }

    /// Whether each step wears out the device, as it does the memory of a TPM.
    var wears: Bool { get }

    /// The present value.
    func value() async throws(RootKeyFailure) -> UInt64

    /// Adds one and returns the new value, which lasts from then on.
    func advance() async throws(RootKeyFailure) -> UInt64
}

/// What the number in a store's head means beside the counter.
public enum Checkpoint: Equatable, Sendable {
    /// The store is the one of the last checkpoint.
    case current
    /// The store wrote its head and stopped before the counter advanced: advance now.
    case interrupted
    /// The store is older than the last checkpoint, by this many checkpoints.
    case rolledBack(by: UInt64)
    /// The counter is behind the store by more than one, which happens only when the counter was replaced or set back.
    case counterWentBack(by: UInt64)

    /// Compares the number in the store's head with the counter.
    public init(head: UInt64, counter: UInt64) {
        if head == counter {
            self = .current
        } else if head < counter {
            self = .rolledBack(by: counter - head)
        } else if head - counter == 1 {
            self = .interrupted
        } else {
            self = .counterWentBack(by: head - counter)
        }
    }
}
