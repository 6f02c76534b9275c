/// What a transaction sees and does: the entries that it said it would read, and its own writes on top.
///
/// It runs on a copy, perhaps more than once and perhaps beside others in the same commit, so it has no effect but its writes.
public struct StoreTransaction: Sendable {
    private let declared: Set<EntryKey>
    private let listed: Set<EntryFamily>
    private var entries: [EntryKey: StoredEntry]
    /// What it wrote; a nil value removes.
    private(set) var writes: [EntryKey: [UInt8]?] = [:]
    /// The revision that its writes will have.
    public let revision: UInt64

    init(
        declared: Set<EntryKey>, listed: Set<EntryFamily>, entries: [EntryKey: StoredEntry], revision: UInt64
    ) {
        self.declared = declared
        self.listed = listed
        self.entries = entries
        self.revision = revision
    }

    /// The entry, if there is one. Only what the transaction declared, or wrote itself, can be read.
    public func read(_ key: EntryKey) throws(StoreFailure) -> StoredEntry? {
        guard declared.contains(key) || listed.contains(key.family) || writes[key] != nil else {
            throw StoreFailure(.failed, "a transaction reads \(key.family.rawValue) without having said so")
        }
        return entries[key]
    }

    /// The entries of a family that the transaction declared, sorted by name.
    public func list(_ family: EntryFamily) throws(StoreFailure) -> [StoredEntry] {
        guard listed.contains(family) else {
            throw StoreFailure(.failed, "a transaction lists \(family.rawValue) without having said so")
        }
        return entries.filter { $0.key.family == family }.map(\.value).sorted { $0.name < $1.name }
    }

    /// Writes an entry in place of the one that may exist.
    public mutating func put(_ key: EntryKey, _ value: [UInt8]) {
        entries[key] = StoredEntry(name: key.name, value: value, version: revision)
        writes[key] = .some(value)
    }

    /// Removes an entry; nothing happens when there is none.
    public mutating func remove(_ key: EntryKey) {
        entries[key] = nil
        writes[key] = .some(nil)
    }
}
