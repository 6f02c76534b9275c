import SealedStorage
import WireFormat

extension EntryFamily {
    /// What administrators said about pod manifests, by digest.
    static let registration = EntryFamily(rawValue: "registration")
}

extension BrokerStore {
    /// Stores a registration, replacing an older one of the same digest.
    func putRegistration(_ registration: Registration) async throws(BrokerError) {
        try await transact([]) { (transaction) throws(BrokerError) in transaction.put(registration) }
    }

    /// The registration of a digest, whatever its state.
    func registration(_ digest: String) async throws(BrokerError) -> Registration? {
        try await recall(EntryFamily.registration[digest]).map { (entry) throws(BrokerError) in
            try Registration(stored: entry)
        }
    }

    /// Retires a manifest; answers false when it was never registered.
    func retireRegistration(_ digest: String) async throws(BrokerError) -> Bool {
        let key = EntryFamily.registration[digest]
        return try await transact([key]) { (transaction) throws(BrokerError) in
            guard let entry = try transaction.entry(key) else { return false }
            var found = try Registration(stored: entry)
            found.state = .retired
            transaction.put(found)
            return true
        }
    }

    /// All registrations, sorted by digest.
    func registrations() async throws(BrokerError) -> [Registration] {
        var found: [Registration] = []
        for entry in try await list(.registration) { found.append(try Registration(stored: entry)) }
        return found
    }
}

extension StoreTransaction {
    mutating func put(_ registration: Registration) {
        put(EntryFamily.registration[registration.digest], registration.json.canonicalBytes)
    }
}

extension Registration {
    /// Reads the stored form.
    init(stored entry: StoredEntry) throws(BrokerError) {
        do {
            try self.init(digest: entry.name, body: try JSONValue.parse(entry.value), now: 0, stored: true)
        } catch {
            throw BrokerError(.failed, check: "storage", "a stored registration cannot be read")
        }
    }
}
