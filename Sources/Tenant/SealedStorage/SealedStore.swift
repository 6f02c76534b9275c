import Envelope
import WireFormat

/// The broker's lasting state: entries that are sealed before they leave the process and are checked when they come back.
///
/// What holds, against whoever runs the database: an entry opens under its own name only; an entry that was put back to an
/// older state, removed or added from outside is refused at the next read, since the store knows the mark of each entry and
/// one head covers all marks; a whole store that was put back is found by the ``RollbackWitness``, where there is one.
///
/// Transactions that arrive together share a commit, so that many writers wait for one disk.
public actor SealedStore {
    let backend: any StoreBackend
    let witness: (any RollbackWitness)?
    var keyring: StoreKeyring
    var index = StoreIndex()
    var queue: [PendingTransaction] = []
    var isCommitting = false
    var commitsSinceNumber = 0
    /// The highest number that the witness has.
    var witnessed: UInt64 = 0
    /// Why the witness does not follow; nil when it does.
    public internal(set) var witnessFailure: StoreFailure?
    /// Whether the store was older than the witness remembers, and was opened all the same.
    public private(set) var wasRolledBack = false

    /// Opens the store in `backend`, or makes it where the database is empty.
    ///
    /// - Parameters:
    ///   - backend: The database.
    ///   - guardian: The root key.
    ///   - witness: What remembers how far the store came.
    ///   - acceptingRollback: Whether to go on with a store that is older than the witness remembers, after a restore.
    public init(
        _ backend: any StoreBackend, guardian: any MasterKeyGuard, witness: (any RollbackWitness)? = nil,
        acceptingRollback: Bool = false
    ) async throws(StoreFailure) {
        self.backend = backend
        self.witness = witness
        if let keyring = try await Self.storedKeyring(backend, guardian) {
            self.keyring = keyring
        } else {
            self.keyring = try await Self.create(backend, guardian)
        }
        try await rescan()
        try await checkWitness(accepting: acceptingRollback)
    }

    /// The revision of the newest commit that is known here.
    public var revision: UInt64 { index.head?.revision ?? 0 }

    /// What sees roll-backs of the whole store; nil when nothing does.
    public var witnessKind: String? { witness?.kind }

    /// What the database is.
    public nonisolated var backendKind: String { backend.kind }

    /// Reads an entry; nil when there is none.
    public func read(_ key: EntryKey) async throws(StoreFailure) -> StoredEntry? {
        let name = keyring.storedName(key)
        let blobs = try await consistent { (backend) throws(StoreFailure) in
            try await backend.read([name])
        } expecting: { index in
            index.mark(name).map { [name: $0] } ?? [:]
        }
        guard let blob = blobs[name] else { return nil }
        return try keyring.open(blob, name: name)
    }

    /// Reads all entries of a family, sorted by name.
    public func list(_ family: EntryFamily) async throws(StoreFailure) -> [StoredEntry] {
        let prefix = keyring.prefix(family)
        let blobs = try await consistent { (backend) throws(StoreFailure) in
            try await backend.read(prefix: prefix)
        } expecting: { index in
            index.marks(prefix: prefix)
        }
        var entries: [StoredEntry] = []
        for (name, blob) in blobs { entries.append(try keyring.open(blob, name: name)) }
        return entries.sorted { $0.name < $1.name }
    }

    /// How many entries a family has, as far as is known here.
    public func count(_ family: EntryFamily) -> Int { index.marks(prefix: keyring.prefix(family)).count }

    /// Asks the database whether it is there and whole, and takes in what others wrote.
    public func refresh() async throws(StoreFailure) {
        let changes = try await backend.changes(after: index.position)
        // Another refresh may have gone further while this one waited.
        guard changes.position >= index.position || changes.position == 0 else { return }
        guard try index.apply(changes, keys: keyring) else { return try await rescan() }
    }

    /// Closes the database; queued transactions fail.
    public func shutdown() async {
        await backend.shutdown()
    }

    /// Reads until what came back is what the index expects. Others may write meanwhile; a database where nobody did and that
    /// still answers something else was changed from outside.
    func consistent(
        _ load: (any StoreBackend) async throws(StoreFailure) -> [[UInt8]: [UInt8]],
        expecting: (StoreIndex) -> [[UInt8]: StoredMark]
    ) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        for _ in 0..<16 {
            let before = index.position
            let blobs = try await load(backend)
            if blobs.mapValues({ StoredMark(of: $0) }) == expecting(index) { return blobs }
            try await refresh()
            guard index.position == before else { continue }
            throw StoreFailure(
                .tampered, "stored entries are not the ones that were written last: somebody changed the \(backend.kind) database")
        }
        throw StoreFailure(.unreachable, "the store changes faster than it can be read")
    }

    /// Learns everything anew and holds it against the head.
    private func rescan() async throws(StoreFailure) {
        for _ in 0..<4 {
            let known = index
            let changes = try await backend.changes(after: 0)
            var fresh = StoreIndex()
            guard try fresh.apply(changes, keys: keyring) else {
                throw StoreFailure(
                    .tampered, "the entries in the \(backend.kind) database are not the ones that its head covers: "
                        + "some were removed, added or put back")
            }
            if let old = known.head, let new = fresh.head, new.revision < old.revision {
                throw StoreFailure(.tampered, "the store went back from revision \(old.revision) to \(new.revision)")
            }
            // Whoever refreshed meanwhile knows more.
            guard index.position <= fresh.position else { continue }
            index = fresh
            return
        }
    }

    private func checkWitness(accepting: Bool) async throws(StoreFailure) {
        guard let witness else { return }
        witnessed = try await witness.highest()
        let found = index.head?.checkpoint ?? 0
        if found < witnessed {
            guard accepting else {
                throw StoreFailure(
                    .tampered,
                    "the store is older than its witness (\(witness.kind)) remembers: \(found) instead of \(witnessed). "
                        + "Somebody put an old copy in place. After a restore of your own, start once with --accept-rollback")
            }
            wasRolledBack = true
        }
        commitsSinceNumber = .max
    }
}

extension SealedStore {
    private static func storedKeyring(
        _ backend: any StoreBackend, _ guardian: any MasterKeyGuard
    ) async throws(StoreFailure) -> StoreKeyring? {
        guard let blob = try await backend.read([StoredName.keyring])[StoredName.keyring] else { return nil }
        var reader = ByteReader(blob)
        let wrapped: [UInt8]
        do {
            wrapped = try reader.bytes(Int(try reader.u16BE("length")), "wrapped master key")
        } catch {
            throw StoreFailure(.tampered, "the store's keyring is cut short")
        }
        let master = try await guardian.unwrap(wrapped, context: StoreKeyring.context)
        return try StoreKeyring(reader.rest(), master: master)
    }

    /// The keyring's blob under a root key.
    static func keyringBlob(
        _ keyring: StoreKeyring, _ guardian: any MasterKeyGuard
    ) async throws(StoreFailure) -> [UInt8] {
        let wrapped = try await guardian.wrap(keyring.masterKey, context: StoreKeyring.context)
        guard wrapped.count <= Int(UInt16.max) else { throw StoreFailure(.limit, "the wrapped master key is too long") }
        var writer = ByteWriter()
        writer.u16BE(UInt16(wrapped.count))
        writer.append(wrapped)
        writer.append(try keyring.sealed())
        return writer.bytes
    }

    private static func create(
        _ backend: any StoreBackend, _ guardian: any MasterKeyGuard
    ) async throws(StoreFailure) -> StoreKeyring {
        let keyring = StoreKeyring()
        let head = StoreHead(revision: 1, sum: EntrySum(), writer: .random(in: .min ... .max), checkpoint: 0)
        let made = try await backend.commit(
            [
                StoreChange(name: StoredName.keyring, blob: try await keyringBlob(keyring, guardian)),
                StoreChange(
                    name: StoredName.head,
                    blob: try keyring.seal(record: head.bytes, name: StoredName.head, version: head.revision)),
            ], at: 0)
        if made != nil { return keyring }
        // Another replica was first, or the database holds something without a keyring.
        guard let theirs = try await storedKeyring(backend, guardian) else {
            throw StoreFailure(.tampered, "the \(backend.kind) database holds entries and no keyring")
        }
        return theirs
    }
}
