import SealedStorage

/// Where resource policies last, each as one document under its name.
protocol PolicyStorage: Sendable {
    /// All documents by name.
    func load() async throws(BrokerError) -> [String: [UInt8]]
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

    func load() async throws(BrokerError) -> [String: [UInt8]] {
        Dictionary(try await store.list(.resourcePolicy).map { ($0.name, $0.value) }) { first, _ in first }
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
