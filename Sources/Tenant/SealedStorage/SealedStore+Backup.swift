import Crypto
import Foundation
import RootKeys

extension SealedStore {
    /// Writes all of the store, as of one commit, into a new file: sealed as it lies in the database, under the root key in use.
    ///
    /// Reading and writing go on; only at the end does this process wait for the last entries.
    ///
    /// - Returns: What is in the file.
    public func backup(to path: String) async throws(StoreFailure) -> StoreInventory {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw StoreFailure(.failed, "\(path) exists and is not replaced")
        }
        let partial = "\(path).\(UInt32.random(in: .min ... .max)).partial"
        let file = try BackupFile.create(partial)
        do throws(StoreFailure) {
            let inventory = try await fill(file)
            guard link(partial, path) == 0 else {
                throw StoreFailure(.failed, "\(path) cannot be made: \(String(cString: strerror(errno)))")
            }
            unlink(partial)
            return inventory
        } catch {
            unlink(partial)
            throw error
        }
    }

    private func fill(_ file: BackupFile) async throws(StoreFailure) -> StoreInventory {
        var saved: [[UInt8]: StoredMark] = [:]
        // Each round saves what changed during the one before; the last ones while this process does not write.
        for _ in 0..<3 { try await save(&saved, in: file) }
        await stopCommits()
        defer { passOn() }
        for _ in 0..<64 {
            try await save(&saved, in: file)
            try await refresh()
            guard let head = index.head, index.count == saved.count,
                saved.allSatisfy({ index.mark($0.key) == $0.value }),
                let record = try await backend.read([StoredName.keyring])[StoredName.keyring],
                head.keyring == Array(SHA256.hash(data: record))
            else { continue }
            if let keyringFailure { throw keyringFailure }
            try file.append(
                .head, StoredName.head,
                try keyring.seal(record: head.bytes, name: StoredName.head, version: head.revision))
            let digest = try file.finish()
            let header = BackupHeader(
                revision: head.revision, entries: UInt64(saved.count), length: file.length, digest: digest,
                keyring: record)
            try file.seal(try header.signed(by: keyring))
            return StoreInventory(revision: head.revision, entries: saved.count, bytes: Int(file.length))
        }
        throw StoreFailure(.unreachable, "other replicas write so often that the backup found no end; try again")
    }

    /// Saves what differs from what was saved already. Each blob is opened, so that no backup holds damage.
    private func save(_ saved: inout [[UInt8]: StoredMark], in file: BackupFile) async throws(StoreFailure) {
        try await refresh()
        var names = index.names.filter { index.mark($0) != saved[$0] }
        while !names.isEmpty {
            let batch = Array(names.suffix(8))
            names.removeLast(batch.count)
            for (name, blob) in try await current(batch) {
                _ = try keyring.open(blob, name: name)
                try file.append(.entry, name, blob)
                saved[name] = StoredMark(of: blob)
            }
        }
        for name in saved.keys where index.mark(name) == nil {
            try file.append(.removal, name)
            saved[name] = nil
        }
    }

    /// Writes a backup into an empty database. All of the file is checked before anything is written.
    ///
    /// Opened afterwards, the store wants to be told that what was written since the backup is gone: see `acceptingRollback` of
    /// ``init(_:rootKey:formerRootKeys:counter:replica:acceptingRollback:)``. When it is interrupted, the database is not empty and does not open:
    /// empty it and restore again.
    ///
    /// - Parameter rootKey: The root key that was in use when the backup was made.
    public static func restore(
        from path: String, into backend: any StoreBackend, rootKey: any RootKey
    ) async throws(StoreFailure) -> StoreInventory {
        let file = try BackupFile.read(path)
        let header = try BackupHeader(try file.bytes(at: 0, BackupHeader.size))
        let keyring = try await open(keyring: header.keyring, [rootKey], master: nil).opened.get()
        guard try header.signed(by: keyring) == header.bytes() else {
            throw BackupFile.refusal("its header was changed")
        }
        guard try file.checkedDigest(header.length) == header.digest else {
            throw BackupFile.refusal("its records were changed")
        }
        let (entries, sealedHead) = try file.records(header.length)
        var head = try StoreHead(keyring.open(record: sealedHead, name: StoredName.head))
        var sum = EntrySum()
        for (name, place) in entries { sum.add(keyring.term(name, place.mark)) }
        guard head.sum == sum, head.revision == header.revision, UInt64(entries.count) == header.entries,
            head.keyring == Array(SHA256.hash(data: header.keyring))
        else { throw BackupFile.refusal("its records are not the ones that its head covers") }

        var writer = RestoreWriter(backend: backend, keyring: keyring)
        for (name, place) in entries {
            try await writer.add(StoreChange(name: name, blob: try file.bytes(at: place.offset, place.length)))
        }
        head = StoreHead(
            revision: max(head.revision, writer.commits) + 1, sum: sum, keyring: head.keyring, rollback: .restored)
        try await writer.finish(head, header.keyring)
        return StoreInventory(revision: head.revision, entries: entries.count, bytes: Int(header.length))
    }
}

/// Writes a backup's entries in commits of bounded size. Before the last one there is no keyring, so that nobody takes half a store
/// for a whole one.
private struct RestoreWriter {
    let backend: any StoreBackend
    let keyring: StoreKeyring
    var position: UInt64 = 0
    var commits: UInt64 = 0
    private var pending: [StoreChange] = []
    private var bytes = 0

    init(backend: any StoreBackend, keyring: StoreKeyring) {
        self.backend = backend
        self.keyring = keyring
    }

    mutating func add(_ change: StoreChange) async throws(StoreFailure) {
        let size = change.blob?.count ?? 0
        if !pending.isEmpty, bytes + size > backend.bytesLimit || pending.count + 4 > backend.changesLimit {
            try await commit()
        }
        pending.append(change)
        bytes += size
    }

    mutating func finish(_ head: StoreHead, _ keyringRecord: [UInt8]) async throws(StoreFailure) {
        if !pending.isEmpty { try await commit() }
        pending = [
            StoreChange(name: StoredName.keyring, blob: keyringRecord),
            StoreChange(
                name: StoredName.head,
                blob: try keyring.seal(record: head.bytes, name: StoredName.head, version: head.revision)),
        ]
        try await write()
    }

    private mutating func commit() async throws(StoreFailure) {
        commits += 1
        pending.append(
            StoreChange(
                name: StoredName.head,
                blob: try keyring.seal(record: Array("restoring".utf8), name: StoredName.head, version: commits)))
        try await write()
    }

    private mutating func write() async throws(StoreFailure) {
        var failure: StoreFailure?
        for _ in 0..<3 {
            do throws(StoreFailure) {
                guard let made = try await backend.commit(pending, at: position) else {
                    throw StoreFailure(
                        .failed,
                        position == 0
                            ? "the \(backend.kind) database is not empty; a backup is restored into an empty one only"
                            : "somebody else wrote while the backup was being restored; empty the database and try again"
                    )
                }
                (position, pending, bytes) = (made, [], 0)
                return
            } catch {
                guard error.kind == .unsure else { throw error }
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
