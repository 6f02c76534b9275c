import Foundation
import RootKeys
import SealedStorage

/// What an operator does with a broker's store from outside the broker. Each call opens the store and closes it again.
public struct StoreUpkeep: Sendable {
    private let configuration: BrokerConfiguration

    /// Works on the store of a configuration.
    public init(_ configuration: BrokerConfiguration) { self.configuration = configuration }

    /// Opens everything that is stored; answers what there is in one line.
    public func verify() async throws(BrokerError) -> String {
        // A roll-back of all of it is for the counter to tell, and that is the broker's.
        let counted = configuration.counter == nil ? "" : "; the roll-back counter was not asked"
        return try await with { (store) throws(StoreFailure) in
            "whole: \(Self.text(try await store.verify()))\(counted)"
        }
    }

    /// Writes a backup into a new file.
    public func backup(to path: String) async throws(BrokerError) -> String {
        try await with { (store) throws(StoreFailure) in
            "\(path): \(Self.text(try await store.backup(to: path)))"
        }
    }

    /// Writes a backup into the configuration's database, which is empty.
    public func restore(from path: String) async throws(BrokerError) -> String {
        let key = try await configuration.openRootKey()
        let backend = try configuration.openBackend()
        do throws(StoreFailure) {
            let inventory = try await SealedStore.restore(from: path, into: backend, rootKey: key)
            await backend.shutdown()
            return "restored: \(Self.text(inventory)); start the broker once with --accept-rollback"
        } catch {
            await backend.shutdown()
            throw BrokerError(.failed, check: "storage", error.description)
        }
    }

    /// Seals everything under a new data key.
    public func rotateDataKey() async throws(BrokerError) -> String {
        try await with { (store) throws(StoreFailure) in
            try await store.rotateDataKey()
            // Brokers look every five seconds. One that has not seen this key when the root key is exchanged could not open it.
            if !Task.isCancelled { try? await Task.sleep(for: .seconds(8)) }
            return "everything is sealed under a new data key"
        }
    }

    /// Exchanges the root key for that of another configuration.
    public func rotateRootKey(to other: BrokerConfiguration) async throws(BrokerError) -> String {
        let key = try await other.openRootKey()
        return try await with { (store) throws(StoreFailure) in
            try await store.rotateRootKey(to: key)
            return "the store opens with the new root key (\(key.kind)) alone; put it into the configuration"
        }
    }

    /// Seals a TPM's root key anew after an update changed what the machine measures, and tells whether it opens the store.
    ///
    /// - Parameters:
    ///   - recovery: The recovery file that was made with the key.
    ///   - pcrs: Other registers than before.
    public func reseal(recovery: String, pcrs: PCRSelection? = nil) async throws(BrokerError) -> String {
        do {
            try await configuration.rootKey.reseal(recovery: recovery, pcrs: pcrs)
        } catch {
            throw BrokerError(.failed, check: "root-key", error.description)
        }
        let done = "the root key is sealed to what this machine booted now"
        let away = "take \(recovery) off this machine again"
        // Before the first start there is nothing to open.
        let database = configuration.database
        guard database.isEmpty || FileManager.default.fileExists(atPath: database) else { return "\(done); \(away)" }
        return try await with { _ throws(StoreFailure) in "\(done), and opens the store; \(away)" }
    }

    private func with(
        _ body: (SealedStore) async throws(StoreFailure) -> String
    ) async throws(BrokerError) -> String {
        // The counter stays out of it: it is the running broker's, and its checkpoints are not advanced from two places.
        let database = configuration.database
        guard database.isEmpty || FileManager.default.fileExists(atPath: database) else {
            throw BrokerError(.failed, check: "storage", "there is no store at \(database)")
        }
        let key = try await configuration.openRootKey()
        let former = try await configuration.openFormerRootKeys()
        let backend = try configuration.openBackend()
        do throws(StoreFailure) {
            let store = try await SealedStore(
                backend, rootKey: key, formerRootKeys: former, replica: "\(configuration.replica)/upkeep",
                acceptingRollback: false)
            let text = try await body(store)
            await store.shutdown()
            return text
        } catch {
            await backend.shutdown()
            throw BrokerError(.failed, check: "storage", error.description)
        }
    }

    private static func text(_ inventory: StoreInventory) -> String {
        "\(inventory.entries) entries, \(inventory.bytes) bytes, revision \(inventory.revision)"
    }
}
