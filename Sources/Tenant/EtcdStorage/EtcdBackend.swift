import Foundation
import SealedStorage
import Synchronization

/// The store in an etcd cluster, for several replicas.
///
/// A commit's position is the revision at which etcd last changed the store's head, which each commit writes. All reads are
/// linearizable, and each answer is of one revision.
public final class EtcdBackend: StoreBackend {
    /// What errors call it.
    public let kind = "etcd"
    /// The most changes of one commit: etcd takes 128 operations in a transaction unless it is told otherwise.
    public let changesLimit = 110
    /// The most bytes of one commit: etcd takes 1.5 MiB in a request.
    public let bytesLimit = 1 << 20
    /// The most bytes of one blob.
    public let blobLimit = PieceReference.blobLimit
    /// Several replicas write.
    public let isShared = true

    static let operationsLimit = 128
    /// Larger blobs lie in pieces, so that a page of entries has a bound.
    static let wholeLimit = 64 << 10
    static let pageLimit: Int64 = 256
    /// Pieces that nothing refers to are left alone for this long.
    static let pieceGrace = Duration.seconds(3600)
    /// How often commits may come before a sweep's removal.
    static let sweepLosses = 16

    let client: EtcdClient
    let layout: EtcdLayout
    /// The ids of the pieces of entries, as far as this process has seen them.
    let pieces = Mutex<[[UInt8]: [UInt8]]>([:])
    /// The ids of pieces that nothing referred to, and since when.
    let loose = Mutex<[[UInt8]: ContinuousClock.Instant]>([:])
    /// The newest commit that this process saw: its position and the store's revision.
    private let seen = Mutex(EtcdProgress())

    /// Connects to a cluster when the first call is made.
    public init(_ configuration: EtcdConfiguration) throws(StoreFailure) {
        client = try EtcdClient(configuration)
        layout = EtcdLayout(prefix: configuration.prefix)
    }

    /// Reads the certificate files again and connects with them; calls that are under way are not disturbed.
    public func reload() throws(StoreFailure) { try client.reload() }

    /// Ends its connections.
    public func shutdown() async { client.shutdown() }

    /// What was written after a position, as of one moment.
    public func changes(after position: UInt64) async throws(StoreFailure) -> StoreChanges {
        try await attempt("reading changes") { () throws(EtcdError) in
            let found = try await written(after: seen.withLock { $0.at(position) })
            guard found.progress.position != position else {
                return StoreChanges(position: position, sightings: [])
            }
            self.seen.withLock { $0.note(found.progress) }
            return StoreChanges(
                position: found.progress.position, sightings: found.entries.compactMap { sighting($0) })
        }
    }

    /// The newest commit, and what was written after the one that is known: from the journal where it says, and otherwise all entries.
    func written(
        after known: EtcdProgress
    ) async throws(EtcdError) -> (progress: EtcdProgress, entries: [Etcdserverpb_KeyValue]) {
        // The head, and beside it what the next few commits would have written about themselves.
        let answer = try await journal(known.next, at: 0, withHead: true)
        guard let head = answer.head else { return (EtcdProgress(), []) }
        let newest = try Self.position(head.modRevision, within: answer.revision)
        guard newest != known.position else { return (known, []) }
        let newer = EtcdProgress(position: newest, revision: StoredMark(of: EtcdValue(head.value).shown).version)
        var records = answer.records
        let gap = known.gap(to: newer)
        if !gap.isEmpty { records += try await journal(gap, at: answer.revision).records }
        if let names = known.names(records, to: newer) {
            return (newer, try await entries(names, at: answer.revision).found)
        }
        let start = layout.entry([])
        return (newer, try await pages(start, EtcdLayout.end(start), at: answer.revision))
    }

    /// A revision of etcd's as a position. Whoever runs etcd, or poses as it, may answer anything: revisions begin at one, and nothing
    /// was changed after the revision that the answer is of.
    static func position(_ revision: Int64, within newest: Int64) throws(EtcdError) -> UInt64 {
        guard (1...max(1, newest)).contains(revision), newest > 0 else {
            throw .refused(
                StoreFailure(
                    .tampered,
                    "etcd names \(revision) as the revision of a commit in an answer of revision \(newest), which no etcd does"
                )
            )
        }
        return UInt64(revision)
    }

    private func sighting(_ entry: Etcdserverpb_KeyValue) -> StoreChanges.Sighting? {
        guard let name = layout.name(entry.key) else { return nil }
        return StoreChanges.Sighting(name: name, blob: remember(name, EtcdValue(entry.value)).shown)
    }

    @discardableResult
    private func remember(_ name: [UInt8], _ value: EtcdValue) -> EtcdValue {
        let id: [UInt8]? = if case .pieces(let reference) = value { reference.id } else { nil }
        pieces.withLock { $0[name] = id }
        return value
    }

    /// Reads the journal's records of some revisions, with the head if it is wanted.
    private func journal(
        _ revisions: Range<UInt64>, at pinned: Int64, withHead: Bool = false
    ) async throws(EtcdError) -> (head: Etcdserverpb_KeyValue?, records: [Etcdserverpb_KeyValue], revision: Int64) {
        var request = Etcdserverpb_TxnRequest()
        let keys = (withHead ? [layout.entry(StoredName.head)] : []) + revisions.map { layout.journal($0) }
        request.success = keys.map { key in
            var operation = Etcdserverpb_RequestOp()
            operation.requestRange = self.request(key, at: pinned)
            return operation
        }
        let answer = try await client.transact(request)
        var found = answer.responses.map(\.responseRange.kvs.first)
        let head = withHead && !found.isEmpty ? found.removeFirst() : nil
        return (head, found.compactMap { $0 }, answer.header.revision)
    }

    /// The blobs of those names that exist.
    public func read(_ names: [[UInt8]]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        try await attempt("reading") { () throws(EtcdError) in
            let (found, revision) = try await entries(names, at: 0)
            return try await blobs(found, at: revision)
        }
    }

    /// All that starts with a prefix, as of one moment.
    public func read(prefix: [UInt8]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        try await attempt("listing") { () throws(EtcdError) in
            let start = layout.entry(prefix)
            let first = try await client.range(request(start, EtcdLayout.end(start), limit: Self.pageLimit))
            var found = first.kvs
            if first.more, let last = found.last {
                found += try await pages(last.key + [0], EtcdLayout.end(start), at: first.header.revision)
            }
            return try await blobs(found, at: first.header.revision)
        }
    }

    private func blobs(
        _ found: [Etcdserverpb_KeyValue], at revision: Int64
    ) async throws(EtcdError) -> [[UInt8]: [UInt8]] {
        var blobs: [[UInt8]: [UInt8]] = [:]
        for entry in found {
            guard let name = layout.name(entry.key) else { continue }
            switch remember(name, EtcdValue(entry.value)) {
            case .whole(let blob): blobs[name] = blob
            case .pieces(let reference): blobs[name] = try await assemble(reference, at: revision)
            }
        }
        return blobs
    }

    /// Writes all or nothing where the commit at the position is the newest.
    public func commit(_ changes: [StoreChange], at position: UInt64) async throws(StoreFailure) -> UInt64? {
        guard let head = changes.first(where: { $0.name == StoredName.head })?.blob else {
            throw StoreFailure(.failed, "a commit has no head")
        }
        return try await attempt("writing", isWrite: true) { () throws(EtcdError) in
            let journal = JournalRecord(head: head, previous: position, names: changes.map(\.name))
            var transaction = Etcdserverpb_TxnRequest()
            transaction.compare = [unchanged(position)]
            let large = Self.inPieces(changes, bytesLimit)
            for (place, change) in changes.enumerated() {
                guard let blob = change.blob else {
                    transaction.success.append(deletion(layout.entry(change.name)))
                    continue
                }
                var value = EtcdValue.whole(blob)
                if large.contains(place) {
                    let reference = PieceReference(blob)
                    try await writePieces(of: blob, reference)
                    transaction.compare += (0..<reference.count).map { exists(layout.piece(reference.id, $0)) }
                    value = .pieces(reference)
                }
                transaction.success.append(write(layout.entry(change.name), value.bytes))
            }
            guard transaction.compare.count <= Self.operationsLimit else {
                throw .refused(StoreFailure(.limit, "one change is larger than etcd takes at once"))
            }
            transaction.success.append(write(layout.journal(journal.revision), journal.bytes))
            // Those for which there is no room are swept later.
            let old = pieces.withLock { known in changes.compactMap { known[$0.name] } }
            for id in old.prefix(Self.operationsLimit - transaction.success.count) {
                transaction.success.append(deletion(layout.pieces(id), isPrefix: true))
            }
            transaction.failure = [layout.entry(StoredName.head), layout.journal(journal.revision)].map { key in
                var operation = Etcdserverpb_RequestOp()
                operation.requestRange = request(key)
                return operation
            }
            let answer = try await client.transact(transaction)
            guard let made = try EtcdProgress.outcome(answer, journal) else { return nil }
            for (change, operation) in zip(changes, transaction.success) where change.blob != nil {
                remember(change.name, EtcdValue(operation.requestPut.value))
            }
            pieces.withLock { known in for change in changes where change.blob == nil { known[change.name] = nil } }
            seen.withLock { $0.note(EtcdProgress(position: made, revision: journal.revision)) }
            return made
        }
    }

    /// The changes whose blobs lie in pieces: those over the limit, and the largest ones of a commit that is too large.
    static func inPieces(_ changes: [StoreChange], _ bytesLimit: Int) -> Set<Int> {
        let sizes = changes.enumerated().map {
            ($0.offset, StoredName.isRecord($0.element.name) ? 0 : $0.element.blob?.count ?? 0)
        }
        var chosen = Set(sizes.filter { $0.1 > wholeLimit }.map(\.0))
        var rest = sizes.filter { !chosen.contains($0.0) }.reduce(0) { $0 + $1.1 }
        for (place, size) in sizes.sorted(by: { $0.1 > $1.1 }) where !chosen.contains(place) {
            guard rest > bytesLimit else { break }
            chosen.insert(place)
            rest -= size
        }
        return chosen
    }

    /// Runs `body` again when what it read was compacted away meanwhile, and says failures as the store's.
    func attempt<R: Sendable>(
        _ what: String, isWrite: Bool = false, _ body: () async throws(EtcdError) -> R
    ) async throws(StoreFailure) -> R {
        for _ in 0..<5 {
            do throws(EtcdError) {
                return try await body()
            } catch {
                switch error {
                case .compacted: continue
                case .refused(let failure): throw failure
                case .lost(let reason):
                    throw StoreFailure(isWrite ? .unsure : .unreachable, "\(what) in etcd failed: \(reason)")
                }
            }
        }
        throw StoreFailure(.unreachable, "\(what) in etcd failed: it compacts faster than it can be read")
    }
}
