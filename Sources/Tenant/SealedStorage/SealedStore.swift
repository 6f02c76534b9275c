import Envelope
import RootKeys
import WireFormat

/// The broker's lasting state: entries that are sealed before they leave the process and are checked when they come back.
///
/// What holds, against whoever runs the database: an entry opens under its own name only; an entry that was put back to an
/// older state, removed or added from outside is refused at the next read, since the store knows the mark of each entry and
/// one head covers all marks; a whole store that was put back is found by the ``RollbackCounter``, where there is one.
///
/// Transactions that arrive together share a commit, so that many writers wait for one disk.
public actor SealedStore {
    let backend: any StoreBackend
    private(set) var counter: (any RollbackCounter)?
    let replica: String
    var keyring: StoreKeyring
    var index = StoreIndex()
    var queue: [PendingTransaction] = []
    var isCommitting = false
    /// How many commits there were since the last checkpoint; at the start of each process the next commit is one.
    var commitsSinceCheckpoint = Int.max
    /// The value of the counter.
    var counted: UInt64 = 0
    /// Why the counter does not follow; nil when it does.
    public internal(set) var counterFailure: RootKeyFailure?
    /// What sees roll-backs of the whole store; nil when nothing does.
    public nonisolated let counterKind: String?
    /// Whether the store was older than the counter remembers, and was opened all the same.
    public private(set) var wasRolledBack = false

    /// How many commits there are between two checkpoints where each wears the counter's device.
    static let commitsBetweenCheckpoints = 1000

    /// Opens the store in `backend`, or makes it where the database is empty.
    ///
    /// - Parameters:
    ///   - backend: The database.
    ///   - rootKey: What opens the store's master key.
    ///   - counter: What remembers how far the store came; nil where a roll-back of the whole store goes unnoticed.
    ///   - replica: The name of the process among those that share the store; each has its own counter.
    ///   - acceptingRollback: Whether to go on with a store that is older than the counter remembers, after a restore.
    public init(
        _ backend: any StoreBackend, rootKey: any RootKey, counter: CounterAccess? = nil,
        replica: String = "single", acceptingRollback: Bool = false
    ) async throws(StoreFailure) {
        self.backend = backend
        counterKind = counter?.kind
        self.replica = replica
        var isNew = false
        if let keyring = try await Self.storedKeyring(backend, rootKey) {
            self.keyring = keyring
        } else {
            (self.keyring, isNew) = try await Self.create(backend, rootKey)
        }
        try await rescan()
        do {
            self.counter = try await counter?.open(for: keyring, isNew: isNew)
        } catch {
            throw StoreFailure(.rootKey, error.description)
        }
        try await checkCounter(accepting: acceptingRollback, isNew: isNew)
    }

    /// The revision of the newest commit that is known here.
    public var revision: UInt64 { index.head?.revision ?? 0 }


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
                .tampered,
                "stored entries are not the ones that were written last: somebody changed the \(backend.kind) database")
        }
        throw StoreFailure(.unreachable, "the store changes faster than it can be read")
    }

    /// Learns everything anew and holds it against the head.
    private func rescan() async throws(StoreFailure) {
        for _ in 0..<4 {
            let known = index
            let changes = try await backend.changes(after: 0)
            var fresh = StoreIndex()
            guard try fresh.apply(changes, keys: keyring), fresh.head != nil else {
                throw StoreFailure(
                    .tampered,
                    "the entries in the \(backend.kind) database are not the ones that its head covers: "
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

    /// Holds the store's last checkpoint against the counter.
    private func checkCounter(accepting: Bool, isNew: Bool) async throws(StoreFailure) {
        guard let counter else { return }
        let found = try await read(EntryFamily.checkpoint[replica]).flatMap { Self.number($0.value) } ?? 0
        do {
            counted = try await counter.value()
            switch Checkpoint(head: found, counter: counted) {
            case .current: return
            case .interrupted: counted = try await counter.advance()
            case .rolledBack(let steps) where !isNew:
                guard accepting else { throw Self.rolledBack("\(steps) checkpoints older than", counter) }
                wasRolledBack = true
            case .counterWentBack(let steps):
                guard accepting else { throw Self.rolledBack("\(steps) checkpoints newer than", counter) }
                wasRolledBack = true
            case .rolledBack: return
            }
        } catch let failure as StoreFailure {
            throw failure
        } catch let failure as RootKeyFailure {
            throw StoreFailure(.rootKey, failure.description)
        } catch {
            throw StoreFailure(.failed, "the counter failed")
        }
    }

    private static func rolledBack(_ relation: String, _ counter: any RollbackCounter) -> StoreFailure {
        StoreFailure(
            .tampered,
            "the store is \(relation) its counter (\(counter.kind)) says: an old copy was put in place of one of them. "
                + "After a restore of your own, start once with --accept-rollback")
    }

    /// A checkpoint's number as an entry holds it.
    static func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

    private static func number(_ bytes: [UInt8]) -> UInt64? {
        bytes.count == 8 ? bytes.reduce(0) { $0 << 8 | UInt64($1) } : nil
    }
}

extension EntryFamily {
    /// The number of each replica's last checkpoint.
    static let checkpoint = EntryFamily(rawValue: "checkpoint")
}

extension SealedStore {
    private static func storedKeyring(
        _ backend: any StoreBackend, _ rootKey: any RootKey
    ) async throws(StoreFailure) -> StoreKeyring? {
        guard let blob = try await backend.read([StoredName.keyring])[StoredName.keyring] else { return nil }
        var reader = ByteReader(blob)
        let wrapped: [UInt8]
        do {
            wrapped = try reader.bytes(Int(try reader.u16BE("length")), "wrapped master key")
        } catch {
            throw StoreFailure(.tampered, "the store's keyring is cut short")
        }
        let master: SecretBytes
        do {
            master = try await rootKey.unwrap(wrapped, context: StoreKeyring.context)
        } catch {
            throw StoreFailure(.rootKey, error.description)
        }
        return try StoreKeyring(reader.rest(), master: master)
    }

    /// The keyring's blob under a root key.
    static func keyringBlob(
        _ keyring: StoreKeyring, _ rootKey: any RootKey
    ) async throws(StoreFailure) -> [UInt8] {
        let wrapped: [UInt8]
        do {
            wrapped = try await rootKey.wrap(keyring.masterKey, context: StoreKeyring.context)
        } catch {
            throw StoreFailure(.rootKey, error.description)
        }
        guard wrapped.count <= Int(UInt16.max) else { throw StoreFailure(.limit, "the wrapped master key is too long") }
        var writer = ByteWriter()
        writer.u16BE(UInt16(wrapped.count))
        writer.append(wrapped)
        writer.append(try keyring.sealed())
        return writer.bytes
    }

    private static func create(
        _ backend: any StoreBackend, _ rootKey: any RootKey
    ) async throws(StoreFailure) -> (keyring: StoreKeyring, isNew: Bool) {
        let keyring = StoreKeyring()
        let head = StoreHead(revision: 1, sum: EntrySum(), writer: .random(in: .min ... .max))
        let made = try await backend.commit(
            [
                StoreChange(name: StoredName.keyring, blob: try await keyringBlob(keyring, rootKey)),
                StoreChange(
                    name: StoredName.head,
                    blob: try keyring.seal(record: head.bytes, name: StoredName.head, version: head.revision)),
            ], at: 0)
        if made != nil { return (keyring, true) }
        // Another replica was first, or the database holds something without a keyring.
        guard let theirs = try await storedKeyring(backend, rootKey) else {
            throw StoreFailure(.tampered, "the \(backend.kind) database holds entries and no keyring")
        }
        return (theirs, false)
    }
}
