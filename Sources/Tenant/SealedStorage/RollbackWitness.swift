import Envelope

/// Something outside the database that remembers how far the store came, and cannot be set back with it: a counter in a TPM, or
/// a file on another disk.
public protocol RollbackWitness: Sendable {
    /// What the readiness page and the audit log call it.
    var kind: String { get }
    /// How many commits may pass between two numbers; more where each number wears the device.
    var commitsPerNumber: Int { get }
    /// The highest number that it was given; 0 when none yet.
    func highest() async throws(StoreFailure) -> UInt64
    /// Remembers `number`, which is higher than all before.
    func raise(to number: UInt64) async throws(StoreFailure)
}

/// What opens and closes the store's master key: the broker's root key.
public protocol MasterKeyGuard: Sendable {
    /// What errors and the audit log call it.
    var kind: String { get }
    /// Wraps the 32 bytes of a master key for `context`.
    func wrap(_ key: SecretBytes, context: [UInt8]) async throws(StoreFailure) -> [UInt8]
    /// Opens what it wrapped for the same context.
    func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(StoreFailure) -> SecretBytes
}
