import SealedStorage

/// What a namespace has in the key management, for whoever is to give it to somebody else.
public enum NamespaceHoldings {
    /// What a transaction has to list before it asks.
    public static let families: [EntryFamily] = [.key]

    /// How many keys of the namespace callers can still use: those with a version whose material is there.
    public static func keys(of namespace: String, in transaction: StoreTransaction) throws(KeyFailure) -> Int {
        do {
            var count = 0
            for entry in try transaction.list(.key) where entry.name.hasPrefix("\(namespace)/") {
                let record = try KeyRecord(name: try KeyName(parsing: entry.name), stored: entry.value)
                if !record.isReserved, record.versions.contains(where: { $0.state != .destroyed }) { count += 1 }
            }
            return count
        } catch {
            throw KeyFailure(.failed, "key", "the keys of \(namespace) cannot be read")
        }
    }

    /// Forgets the namespace's authorities: they certify nobody any more. Their keys stay the broker's, and the next request for an
    /// authority rotates them.
    public static func forgetAuthorities(of namespace: String, in transaction: inout StoreTransaction) {
        for line in AuthorityName.Line.allCases {
            transaction.remove(EntryFamily.authority["\(namespace)/\(line.rawValue)"])
        }
    }
}
