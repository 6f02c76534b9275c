/// Entries that were opened before, each with the writing that it was opened from: it counts while that is the present one.
struct RecalledEntries: Sendable {
    private struct Recalled: Sendable {
        /// The entry's name in the database.
        let name: [UInt8]
        let mark: StoredMark
        let entry: StoredEntry
    }

    private var entries: [EntryKey: Recalled] = [:]
    /// In the order in which they came, from ``oldest`` on.
    private var order: [EntryKey] = []
    private var oldest = 0

    /// How many are kept; the oldest go first.
    static let countLimit = 1024
    /// The most bytes of one that is kept.
    static let sizeLimit = 16 << 10

    /// How many there are.
    var count: Int { entries.count }

    /// The entry, where `index` says that it is the present one.
    func entry(_ key: EntryKey, in index: StoreIndex) -> StoredEntry? {
        guard let found = entries[key], index.mark(found.name) == found.mark else { return nil }
        return found.entry
    }

    /// Whether there is an entry, be it the present one or not.
    func has(_ key: EntryKey) -> Bool { entries[key] != nil }

    /// Keeps an entry as it was opened from the writing with this mark.
    mutating func note(_ key: EntryKey, _ entry: StoredEntry, name: [UInt8], mark: StoredMark) {
        guard entry.value.count <= Self.sizeLimit,
            entries.updateValue(Recalled(name: name, mark: mark, entry: entry), forKey: key) == nil
        else { return }
        if order.count < Self.countLimit {
            order.append(key)
        } else {
            entries[order[oldest]] = nil
            order[oldest] = key
            oldest = (oldest + 1) % Self.countLimit
        }
    }
}
