import Foundation
import RootKeys
import SealedStorage

extension BrokerConfiguration {
    /// Opens the store that the configuration names.
    func openStore() async throws(BrokerError) -> BrokerStore {
        let key: any RootKey
        do {
            key = try FileRootKey(file: rootKey)
        } catch {
            throw BrokerError(.failed, check: "root-key", error.description)
        }
        do {
            return BrokerStore(try await SealedStore(try SQLiteBackend(path: database), rootKey: key))
        } catch {
            throw BrokerError(.failed, check: "storage", error.description)
        }
    }
}
