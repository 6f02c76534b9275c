import Synchronization
import WireFormat

/// Where resource policies last, each as one document under its name.
protocol PolicyStorage: Sendable {
    /// All documents by name.
    func load() async throws(BrokerError) -> [String: [UInt8]]
    /// Writes a document, or takes it away when it is nil, durably before it returns.
    func save(_ id: String, _ document: [UInt8]?) async throws(BrokerError)
}

/// Resource policies in one setting of the broker's store.
final class SettingPolicyStorage: PolicyStorage {
    private static let setting = "resource-policies"
    private let store: BrokerStore
    /// Held while the setting is read, changed and written.
    private let writing = Mutex(())

    init(_ store: BrokerStore) { self.store = store }

    func load() async throws(BrokerError) -> [String: [UInt8]] { try read() }

    func save(_ id: String, _ document: [UInt8]?) async throws(BrokerError) {
        try writing.withLock { (_) throws(BrokerError) in
            var documents = try read()
            documents[id] = document
            let members = documents.mapValues { JSONValue.string(Base64.encode($0)) }
            try store.replaceSetting(Self.setting, JSONValue.object(members).canonicalBytes)
        }
    }

    private func read() throws(BrokerError) -> [String: [UInt8]] {
        guard let bytes = try store.setting(Self.setting) else { return [:] }
        var documents: [String: [UInt8]] = [:]
        do {
            for (id, value) in try JSONValue.parse(bytes).objectValue ?? [:] {
                documents[id] = try Base64.decode(value.stringValue ?? "?", field: id)
            }
        } catch {
            throw BrokerError(.failed, check: "policies", "the stored resource policies are damaged")
        }
        return documents
    }
}
