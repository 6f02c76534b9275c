import SealedStorage

/// Where resource policies last, each as one document under its name.
protocol PolicyStorage: Sendable {
    /// All documents by name, and the store's revision that they are of.
    func load() async throws(BrokerError) -> (documents: [String: [UInt8]], revision: UInt64)
    /// Writes a document, or takes it away when it is nil, durably before it returns; only if `check` agrees to it, which sees
    /// all documents as they are in that moment.
    func save(
        _ id: String, _ document: [UInt8]?,
        if check: @escaping @Sendable ([String: [UInt8]]) throws(BrokerError) -> Void
    ) async throws(BrokerError)
}

extension EntryFamily {
    /// Resource policies, by name.
    static let resourcePolicy = EntryFamily(rawValue: "resource-policy")
}

/// Resource policies as entries of the broker's store.
struct StoredPolicies: PolicyStorage {
    let store: BrokerStore

    func load() async throws(BrokerError) -> (documents: [String: [UInt8]], revision: UInt64) {
        let (entries, revision) = try await store.transact([], listing: [.resourcePolicy]) {
            (transaction) throws(BrokerError) in (try transaction.entries(.resourcePolicy), transaction.revision)
        }
        return (Dictionary(entries.map { ($0.name, $0.value) }) { first, _ in first }, revision)
    }

    func save(
        _ id: String, _ document: [UInt8]?,
        if check: @escaping @Sendable ([String: [UInt8]]) throws(BrokerError) -> Void
    ) async throws(BrokerError) {
        let key = EntryFamily.resourcePolicy[id]
        try await store.transact([], listing: [.resourcePolicy]) { (transaction) throws(BrokerError) in
            let known = try transaction.entries(.resourcePolicy).map { ($0.name, $0.value) }
            try check(Dictionary(known) { first, _ in first })
            if let document {
                transaction.put(key, document)
            } else {
                transaction.remove(key)
            }
        }
    }
}
