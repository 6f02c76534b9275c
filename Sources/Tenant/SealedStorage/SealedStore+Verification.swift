import Crypto

/// What a look at everything found.
public struct StoreInventory: Sendable, Equatable {
    /// The newest commit that was seen.
    public let revision: UInt64
    /// How many entries there are.
    public let entries: Int
    /// How many bytes they have, sealed.
    public let bytes: Int
}

extension SealedStore {
    /// Reads and opens everything that is stored, and holds it against the head.
    ///
    /// Entries that are written meanwhile may count in either form.
    public func verify() async throws(StoreFailure) -> StoreInventory {
        try await rescan()
        var names = index.names
        var entries = 0
        var bytes = 0
        while !names.isEmpty {
            let batch = Array(names.suffix(16))
            names.removeLast(batch.count)
            for (name, blob) in try await current(batch) {
                _ = try keyring.open(blob, name: name)
                entries += 1
                bytes += blob.count
            }
        }
        guard let offer = try await Self.storedKeyring(backend, rootKeys) else {
            throw StoreFailure(.tampered, "the store's keyring is gone")
        }
        guard offer.digest == index.head?.keyring else {
            try await rescan()
            return StoreInventory(revision: revision, entries: entries, bytes: bytes)
        }
        _ = try offer.opened.get()
        return StoreInventory(revision: revision, entries: entries, bytes: bytes)
    }

    /// The present blobs of entries, without those that are gone.
    func current(_ names: [[UInt8]]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        try await consistent { (backend) throws(StoreFailure) in
            try await backend.read(names)
        } expecting: { index in
            Dictionary(names.compactMap { name in index.mark(name).map { (name, $0) } }) { first, _ in first }
        }
    }
}
