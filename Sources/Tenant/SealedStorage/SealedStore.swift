import Envelope
import RootKeys
import WireFormat

/// The broker's lasting state: entries that are sealed before they leave the process and are checked when they come back.
///
/// What holds, against whoever runs the database: an entry opens under its own name only; an entry that was put back to an
/// older state, removed or added from outside is refused at the next read of the database, since the store knows the mark of each
/// entry and one head covers all marks; a whole store that was put back is found by the ``RollbackCounter``, where there is one.
///
/// Transactions that arrive together share a commit, so that many writers wait for one disk.
public actor SealedStore {
    let backend: any StoreBackend
    private(set) var counter: (any RollbackCounter)?
    let replica: String
    /// What opens the keyring: the root key in use, and those that came or will come beside it.
    var rootKeys: [any RootKey]
    var keyring: StoreKeyring
    /// SHA-256 over the keyring's newest record.
    var keyringDigest: [UInt8]
    /// Why the keyring's newest record does not open here, although the keys in hand go on working; nil when it does.
    public internal(set) var keyringFailure: StoreFailure?
    var index = StoreIndex()
    /// What ``recall(_:)`` read.
    private var recalled = RecalledEntries()
    var queue: [PendingTransaction] = []
    var isCommitting = false
    /// When this process may commit next, so that other replicas get their turn.
    var nextCommit = ContinuousClock.now
    /// When another replica's commit was seen last.
    var lastForeign: ContinuousClock.Instant?
    /// Those who want to commit alone, in turn.
    var waiters: [CheckedContinuation<Void, Never>] = []
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
    ///   - formerRootKeys: Root keys that open it if that one does not, while one is exchanged for another.
    ///   - counter: What remembers how far the store came; nil where a roll-back of the whole store goes unnoticed.
    ///   - replica: The name of the process among those that share the store; each has its own counter.
    ///   - acceptingRollback: Whether to go on with a store that is older than the counter remembers, after a restore.
    public init(
        _ backend: any StoreBackend, rootKey: any RootKey, formerRootKeys: [any RootKey] = [],
        counter: CounterAccess? = nil, replica: String = "single", acceptingRollback: Bool = false
    ) async throws(StoreFailure) {
        self.backend = backend
        counterKind = counter?.kind
        self.replica = replica
        rootKeys = [rootKey] + formerRootKeys
        var isNew = false
        if let offer = try await Self.storedKeyring(backend, rootKeys) {
            (keyring, keyringDigest) = try (offer.opened.get(), offer.digest)
        } else {
            (keyring, keyringDigest, isNew) = try await Self.create(backend, rootKeys)
        }
        try await rescan()
        do {
            (self.counter, isNew) =
                try await counter?.open(for: keyring, isNew: isNew, accepting: acceptingRollback) ?? (nil, isNew)
        } catch {
            throw StoreFailure(.rootKey, error.description + Self.acceptance(error.code))
        }
        try await checkCounter(accepting: acceptingRollback, isNew: isNew)
        try await checkRestored(accepting: acceptingRollback)
    }

    /// What an operator may do about a counter that cannot be opened.
    private static func acceptance(_ code: RootKeyFailure.Code) -> String {
        switch code {
        case .missing:
            ". Where this store had no counter before, or lost it, nothing tells whether the store is the newest one: "
                + "if you know that it is, start once with --accept-rollback, which makes the counter"
        case .otherStore:
            ". It counted for another store; one that was deleted here, perhaps. If you know that this store is the one to go "
                + "on with, start once with --accept-rollback, which makes the counter anew"
        default: ""
        }
    }

    /// The revision of the newest commit that is known here.
    public var revision: UInt64 { index.head?.revision ?? 0 }

    /// What the database is.
    public nonisolated var backendKind: String { backend.kind }

    /// Reads an entry; nil when there is none.
    public func read(_ key: EntryKey) async throws(StoreFailure) -> StoredEntry? {
        let name = keyring.storedName(key)
        return try await blob(name).map { (blob) throws(StoreFailure) in try keyring.open(blob, name: name) }
    }

    /// Reads an entry that is asked for again and again, and is no secret: it stays in memory as it was read, and the database
    /// is asked anew only when something that is known here changed it.
    ///
    /// What another process wrote is seen here after the next ``refresh()``. Where others are expected to write, this is
    /// ``read(_:)``.
    public func recall(_ key: EntryKey) async throws(StoreFailure) -> StoredEntry? {
        guard !backend.isShared else { return try await read(key) }
        if let known = recalled.entry(key, in: index) { return known }
        let name = keyring.storedName(key)
        guard let blob = try await blob(name) else { return nil }
        let entry = try keyring.open(blob, name: name)
        recalled.note(key, entry, name: name, mark: StoredMark(of: blob))
        return entry
    }

    /// What the database holds under a name, where it is what was written last.
    private func blob(_ name: [UInt8]) async throws(StoreFailure) -> [UInt8]? {
        let blobs = try await consistent { (backend) throws(StoreFailure) in
            try await backend.read([name])
        } expecting: { index in
            index.mark(name).map { [name: $0] } ?? [:]
        }
        return blobs[name]
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

    /// Numbers that are others as soon as anything in these families is, as far as is known here.
    public func generation(_ families: [EntryFamily]) -> [UInt64] {
        families.map { index.lastChange(prefix: keyring.prefix($0)) }
    }

    /// Asks the database whether it is there and whole, and takes in what others wrote.
    public func refresh() async throws(StoreFailure) {
        let before = index.position
        let changes = try await backend.changes(after: before)
        // A file says at each look what was written last.
        guard backend.isShared || changes.position >= before else {
            throw StoreFailure(
                .tampered, "the \(backend.kind) database went back from commit \(before) to \(changes.position)")
        }
        let offer = try await keyringOffer(changes)
        // Another refresh may have gone further while this one waited.
        guard changes.position >= index.position || changes.position == 0 else { return }
        guard try take(changes, offer, into: index) else { return try await rescan() }
    }

    /// Takes in changes, with the keys that came with them; false when the head does not cover what is then there.
    private func take(_ changes: StoreChanges, _ offer: KeyringOffer?, into known: StoreIndex) throws(StoreFailure)
        -> Bool
    {
        var next = known
        var keys = keyring
        if case .success(let newer) = offer?.opened { keys = newer }
        do throws(StoreFailure) {
            guard try next.apply(changes, keys: keys), let head = next.head else { return false }
            guard head.keyring == offer?.digest ?? keyringDigest else {
                throw StoreFailure(
                    .tampered, "the keyring in the \(backend.kind) database is not the one that its head covers")
            }
        } catch {
            // Sealed under keys that only another root key opens.
            if case .failure(let failure) = offer?.opened { throw failure }
            throw error
        }
        if known.position > 0, next.position > known.position { lastForeign = .now }
        index = next
        guard let offer else { return true }
        keyringDigest = offer.digest
        switch offer.opened {
        case .success(let newer): (keyring, keyringFailure) = (newer, nil)
        case .failure(let failure): keyringFailure = failure
        }
        return true
    }

    /// Closes the database; queued transactions fail.
    public func shutdown() async {
        // What came since the last checkpoint is not to be taken back either.
        if counter != nil, commitsSinceCheckpoint > 0, commitsSinceCheckpoint != .max {
            try? await put(EntryFamily.checkpoint["\(replica)/end"], Self.bytes(revision))
        }
        await backend.shutdown()
    }

    /// Reads until what came back is what the index expects. Others may write meanwhile; a database where nobody did and that
    /// still answers something else was changed from outside.
    func consistent(
        _ load: (any StoreBackend) async throws(StoreFailure) -> [[UInt8]: [UInt8]],
        expecting: (StoreIndex) -> [[UInt8]: StoredMark]
    ) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        for _ in 0..<64 {
            let before = index.position
            let blobs = try await load(backend)
            let marks = blobs.mapValues { StoredMark(of: $0) }
            if marks == expecting(index) { return blobs }
            try await refresh()
            // What was read was newer than what was known, or somebody wrote since.
            if marks == expecting(index) { return blobs }
            guard index.position == before else { continue }
            throw Self.changed(backend)
        }
        throw StoreFailure(.unreachable, "the store changes faster than it can be read")
    }

    static func changed(_ backend: any StoreBackend) -> StoreFailure {
        StoreFailure(
            .tampered,
            "stored entries are not the ones that were written last: somebody changed the \(backend.kind) database")
    }

    /// Learns everything anew and holds it against the head.
    func rescan() async throws(StoreFailure) {
        for _ in 0..<4 {
            let changes = try await backend.changes(after: 0)
            let offer = try await keyringOffer(changes)
            // Whoever refreshed meanwhile knows more.
            guard index.position <= changes.position || changes.position == 0 else { continue }
            let known = index
            guard try take(changes, offer, into: StoreIndex()) else {
                throw StoreFailure(
                    .tampered,
                    "the entries in the \(backend.kind) database are not the ones that its head covers: "
                        + "some were removed, added or put back")
            }
            if let old = known.head, let new = index.head, new.revision < old.revision {
                index = known
                throw StoreFailure(.tampered, "the store went back from revision \(old.revision) to \(new.revision)")
            }
            return
        }
        throw StoreFailure(.unreachable, "the store changes faster than all of it can be read; try again")
    }

    /// Holds the store's last checkpoint against the counter.
    ///
    /// - Parameter isNew: Whether the counter was made for this store a moment ago.
    private func checkCounter(accepting: Bool, isNew: Bool) async throws(StoreFailure) {
        guard let counter else { return }
        let checkpoint = try await read(EntryFamily.checkpoint[replica]).flatMap { Self.number($0.value) }
        do {
            counted = try await counter.value()
            guard let found = checkpoint ?? (isNew ? 0 : nil) else {
                // Somebody may have put an old store here just before its first counting.
                guard accepting else { throw Self.uncounted(counter) }
                wasRolledBack = true
                return
            }
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

    /// Holds a restored store back until somebody accepts that what was written after the backup is gone. That it was accepted stays
    /// in the head until ``settleRollback()``.
    private func checkRestored(accepting: Bool) async throws(StoreFailure) {
        guard let head = index.head else { return }
        switch head.rollback {
        case .none: guard wasRolledBack else { return }
        case .restored:
            guard accepting else {
                throw StoreFailure(
                    .tampered,
                    "the store was restored from a backup of revision \(head.revision - 1), and what was written after it is gone. "
                        + "Start once with --accept-rollback")
            }
        case .accepted: break
        }
        wasRolledBack = true
        try await mark(.accepted)
    }

    /// Says that nothing from before an accepted roll-back is believed any more. Until then each start finds ``wasRolledBack``.
    public func settleRollback() async throws(StoreFailure) { try await mark(.none) }

    private func mark(_ rollback: StoreHead.Rollback) async throws(StoreFailure) {
        try await commitAlone { (store) throws(StoreFailure) in
            guard var plan = store.emptyPlan(), plan.head.rollback != rollback else { return nil }
            plan.head.rollback = rollback
            plan.isNeeded = true
            return plan
        }
    }

    private static func uncounted(_ counter: any RollbackCounter) -> StoreFailure {
        StoreFailure(
            .tampered,
            "the store knows no counter, and there is one (\(counter.kind)): it was configured for this store just now, or an older "
                + "or another store was put in place. If you know that the store is the newest one, start once with --accept-rollback"
        )
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
