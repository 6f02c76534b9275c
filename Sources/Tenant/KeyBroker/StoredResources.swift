import Envelope
import SealedStorage

extension EntryFamily {
    /// The secrets of tenants, by path.
    static let resource = EntryFamily(rawValue: "resource")
}

extension BrokerStore {
    /// One line of the list of resources.
    struct ResourceEntry: Sendable, Equatable {
        var path: String
        var version: Int64
    }

    /// Stores `secret` under `path`, replacing what was there.
    func putResource(_ path: ResourcePath, _ secret: SecretBytes) async throws(BrokerError) {
        try await transact([]) { (transaction) throws(BrokerError) in
            transaction.put(EntryFamily.resource[path.description], secret.copyBytes())
        }
    }

    /// Stores `secret` under `path` only when there is nothing yet; answers whether it did.
    func createResource(_ path: ResourcePath, _ secret: SecretBytes) async throws(BrokerError) -> Bool {
        let key = EntryFamily.resource[path.description]
        return try await transact([key]) { (transaction) throws(BrokerError) in
            guard try transaction.entry(key) == nil else { return false }
            transaction.put(key, secret.copyBytes())
            return true
        }
    }

    /// Opens the secret under `path`; nil when there is none.
    func resource(_ path: ResourcePath) async throws(BrokerError) -> SecretBytes? {
        try await read(EntryFamily.resource[path.description]).map { SecretBytes($0.value) }
    }

    /// Removes the secret under `path`; answers whether there was one.
    func deleteResource(_ path: ResourcePath) async throws(BrokerError) -> Bool {
        let key = EntryFamily.resource[path.description]
        return try await transact([key]) { (transaction) throws(BrokerError) in
            guard try transaction.entry(key) != nil else { return false }
            transaction.remove(key)
            return true
        }
    }

    /// Lists the paths and versions of all resources, sorted by path.
    func resources() async throws(BrokerError) -> [ResourceEntry] {
        try await list(.resource).map { ResourceEntry(path: $0.name, version: Int64(clamping: $0.version)) }
    }
}
