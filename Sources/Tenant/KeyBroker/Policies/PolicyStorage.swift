import SealedStorage

/// Where resource policies last, each as one document under its name.
protocol PolicyStorage: Sendable {
    /// All documents by name, and the store's revision that they are of.
    func load() async throws(BrokerError) -> (documents: [String: [UInt8]], revision: UInt64)
    /// Writes a document, or takes it away when it is nil, durably before it returns; only if `check` agrees to it, which sees
    /// all documents and the tenant of that name as they are in that moment.
    func save(
        _ id: String, _ document: [UInt8]?, tenant: String?,
        if check: @escaping @Sendable ([String: [UInt8]], Tenant?) throws(BrokerError) -> Void
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
        _ id: String, _ document: [UInt8]?, tenant: String?,
        if check: @escaping @Sendable ([String: [UInt8]], Tenant?) throws(BrokerError) -> Void
    ) async throws(BrokerError) {
        let key = EntryFamily.resourcePolicy[id]
        let owner = tenant.map { EntryFamily.tenant[$0] }
        try await store.transact(owner.map { [$0] } ?? [], listing: [.resourcePolicy]) {
            (transaction) throws(BrokerError) in
            let known = try transaction.entries(.resourcePolicy).map { ($0.name, $0.value) }
            var stored: Tenant?
            if let owner, let entry = try transaction.entry(owner) { stored = try Tenant(stored: entry) }
            try check(Dictionary(known) { first, _ in first }, stored)
            if let document {
                transaction.put(key, document)
            } else {
                transaction.remove(key)
            }
        }
    }
}
