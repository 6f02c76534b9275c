import SealedStorage

/// Where resource policies last, each as one document under its name.
protocol PolicyStorage: Sendable {
    /// All documents by name.
    func load() async throws(BrokerError) -> [String: [UInt8]]
    /// Writes a document, or takes it away when it is nil, durably before it returns.
    func save(_ id: String, _ document: [UInt8]?) async throws(BrokerError)
}

extension EntryFamily {
    /// Resource policies by name.
    static let resourcePolicy = EntryFamily(rawValue: "resource-policy")
}

extension BrokerStore: PolicyStorage {
    func load() async throws(BrokerError) -> [String: [UInt8]] {
        Dictionary(try await list(.resourcePolicy).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }

    func save(_ id: String, _ document: [UInt8]?) async throws(BrokerError) {
        let key = EntryFamily.resourcePolicy[id]
        try await transact([]) { (transaction) throws(BrokerError) in
            if let document { transaction.put(key, document) } else { transaction.remove(key) }
        }
    }
}
