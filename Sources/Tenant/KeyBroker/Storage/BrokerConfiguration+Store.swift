import EtcdStorage
import RootKeys
import SealedStorage

extension BrokerConfiguration {
    /// Whether other brokers may share the store.
    var hasReplicas: Bool { etcd != nil }

    /// Opens the store that the configuration names.
    ///
    /// - Parameter acceptingRollback: Whether to go on with a store that is older than its counter says.
    public func openStore(acceptingRollback: Bool = false) async throws(BrokerError) -> BrokerStore {
        let key = try await openRootKey()
        let former = try await openFormerRootKeys()
        let backend = try openBackend()
        do {
            return BrokerStore(
                try await SealedStore(
                    backend, rootKey: key, formerRootKeys: former, counter: counter.map { CounterAccess($0) },
                    replica: replica, acceptingRollback: acceptingRollback))
        } catch {
            throw BrokerError(.failed, check: "storage", error.description)
        }
    }

    func openFormerRootKeys() async throws(BrokerError) -> [any RootKey] {
        var keys: [any RootKey] = []
        for former in formerRootKeys {
            do {
                keys.append(try await former.open())
            } catch {
                throw BrokerError(.failed, check: "root-key", error.description)
            }
        }
        return keys
    }

    func openRootKey() async throws(BrokerError) -> any RootKey {
        do {
            return try await rootKey.open()
        } catch {
            throw BrokerError(.failed, check: "root-key", error.description)
        }
    }

    func openBackend() throws(BrokerError) -> any StoreBackend {
        let settings = try etcd?.configuration()
        do throws(StoreFailure) {
            if let settings { return try EtcdBackend(settings) }
            return try SQLiteBackend(path: database)
        } catch {
            throw BrokerError(.failed, check: "storage", error.description)
        }
    }
}
