import Foundation
import RootKeys
import SealedStorage

/// The broker's lasting state: what is kept, by family, on top of the sealed store.
///
/// Failures of the store come out as refusals that a client may try again (503) or, where somebody changed the database, as
/// failures of the broker.
public final class BrokerStore: Sendable {
    /// The store itself.
    public let sealed: SealedStore

    /// Keeps state in `sealed`.
    public init(_ sealed: SealedStore) { self.sealed = sealed }

    /// Reads one entry.
    func read(_ key: EntryKey) async throws(BrokerError) -> StoredEntry? {
        do {
            return try await sealed.read(key)
        } catch {
            throw BrokerError(error)
        }
    }

    /// Reads one entry that many calls ask for, and that is no secret; see ``SealedStorage/SealedStore/recall(_:)``.
    func recall(_ key: EntryKey) async throws(BrokerError) -> StoredEntry? {
        do {
            return try await sealed.recall(key)
        } catch {
            throw BrokerError(error)
        }
    }

    /// Reads a family, sorted by name.
    func list(_ family: EntryFamily) async throws(BrokerError) -> [StoredEntry] {
        do {
            return try await sealed.list(family)
        } catch {
            throw BrokerError(error)
        }
    }

    /// Runs `body` on the entries that it names; what it wrote is durable when this returns.
    ///
    /// - Parameter isRoutine: Whether it is one of the writes of each handshake, which need no checkpoint of their own.
    @discardableResult
    func transact<R: Sendable>(
        _ keys: [EntryKey], listing families: [EntryFamily] = [], isRoutine: Bool = false,
        _ body: @escaping @Sendable (inout StoreTransaction) throws(BrokerError) -> R
    ) async throws(BrokerError) -> R {
        do {
            return try await sealed.transact(keys, listing: families, isRoutine: isRoutine, body)
        } catch let error as BrokerError {
            throw error
        } catch let failure as StoreFailure {
            throw BrokerError(failure)
        } catch {
            throw BrokerError(.failed, check: "storage", "the store failed")
        }
    }

    /// Ends what was interrupted and sweeps what nobody refers to.
    func maintain() async throws(BrokerError) {
        do {
            try await sealed.maintain()
        } catch {
            throw BrokerError(error)
        }
    }

    /// Reads a setting; nil when it was never written.
    func setting(_ name: String) async throws(BrokerError) -> [UInt8]? {
        try await read(EntryFamily.setting[name])?.value
    }

    /// Writes a setting unless it exists, and answers the one that then exists.
    func createSetting(_ name: String, _ value: [UInt8]) async throws(BrokerError) -> [UInt8] {
        let key = EntryFamily.setting[name]
        return try await transact([key]) { (transaction) throws(BrokerError) in
            if let known = try transaction.entry(key) { return known.value }
            transaction.put(key, value)
            return value
        }
    }

    /// Writes a setting in place of the one that exists.
    func replaceSetting(_ name: String, _ value: [UInt8]) async throws(BrokerError) {
        try await transact([]) { (transaction) throws(BrokerError) in
            transaction.put(EntryFamily.setting[name], value)
        }
    }
}

extension EntryFamily {
    /// What the broker keeps for itself: token keys, authorities, marks.
    static let setting = EntryFamily(rawValue: "setting")
}

extension StoreTransaction {
    /// ``read(_:)`` with the broker's errors.
    func entry(_ key: EntryKey) throws(BrokerError) -> StoredEntry? {
        do {
            return try read(key)
        } catch {
            throw BrokerError(error)
        }
    }

    /// ``list(_:)`` with the broker's errors.
    func entries(_ family: EntryFamily) throws(BrokerError) -> [StoredEntry] {
        do {
            return try list(family)
        } catch {
            throw BrokerError(error)
        }
    }
}

extension BrokerError {
    /// What a client learns of a failure of the store; the reason goes to the audit log only.
    init(_ failure: StoreFailure) {
        switch failure.kind {
        case .unreachable, .unsure:
            self.init(.unavailable, check: "storage", "the store cannot be reached; try again", note: failure.reason)
        case .full:
            self.init(.unavailable, check: "storage", "the store has no room left", note: failure.reason)
        case .limit:
            self.init(.tooLarge, check: "storage", failure.reason)
        case .tampered, .rootKey, .failed:
            self.init(.failed, check: "storage-\(failure.kind.rawValue)", "the store failed", note: failure.reason)
        }
    }
}
