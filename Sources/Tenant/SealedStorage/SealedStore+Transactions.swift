import RootKeys
import Synchronization

/// A transaction that waits for its commit.
struct PendingTransaction: Sendable {
    let keys: [EntryKey]
    let families: [EntryFamily]
    /// Runs the body; answers its writes, or nil when it refused. The outcome is kept by whoever queued it.
    let run: @Sendable (StoreTransaction) -> [EntryKey: [UInt8]?]?
    /// Called once: with nil after the commit (or a refusal of the body), else with the store's failure.
    let finish: @Sendable (StoreFailure?) -> Void
}

extension SealedStore {
    /// Runs `body` on the entries that it names and commits what it wrote, all or nothing, durably.
    ///
    /// - Parameters:
    ///   - keys: The entries that `body` reads.
    ///   - families: The families that `body` lists.
    ///   - body: Reads and writes; runs again when somebody else was first. What it throws comes out and nothing is written.
    public func transact<R: Sendable, E: Error>(
        _ keys: [EntryKey], listing families: [EntryFamily] = [],
        _ body: @escaping @Sendable (inout StoreTransaction) throws(E) -> R
    ) async throws -> R {
        let outcome = Outcome<R, E>()
        let failure = await withCheckedContinuation { (continuation: CheckedContinuation<StoreFailure?, Never>) in
            queue.append(
                PendingTransaction(
                    keys: keys, families: families,
                    run: { view in
                        var transaction = view
                        do throws(E) {
                            let result = try body(&transaction)
                            outcome.set(.success(result))
                            return transaction.writes
                        } catch {
                            outcome.set(.failure(error))
                            return nil
                        }
                    }, finish: { continuation.resume(returning: $0) }))
            if !isCommitting {
                isCommitting = true
                Task { await drain() }
            }
        }
        if let failure { throw failure }
        guard let result = outcome.get() else { throw StoreFailure(.failed, "the transaction has no outcome") }
        return try result.get()
    }

    private func drain() async {
        while !queue.isEmpty {
            let batch = queue
            queue = []
            await commit(batch)
        }
        isCommitting = false
    }

    /// Commits as many of `batch` as fit; the others go back to the front of the queue.
    private func commit(_ batch: [PendingTransaction]) async {
        var failure = StoreFailure(
            .unreachable, "other replicas write so often that this change found no gap; try again")
        for attempt in 0..<24 {
            do throws(StoreFailure) {
                if attempt > 0 { try? await Task.sleep(for: .milliseconds(Int.random(in: 0...min(attempt * 4, 40)))) }
                try await refresh()
                guard let plan = try await plan(batch) else { continue }
                if !plan.changes.isEmpty {
                    guard try await write(plan) else { continue }
                }
                for transaction in plan.done { transaction.finish(nil) }
                for (transaction, failure) in plan.failed { transaction.finish(failure) }
                queue = plan.left + queue
                return
            } catch {
                failure = error
                break
            }
        }
        for transaction in batch { transaction.finish(failure) }
    }

    /// What one commit will do.
    private struct Plan {
        var writes: [EntryKey: [UInt8]?] = [:]
        var changes: [StoreChange] = []
        var marks: [([UInt8], StoredMark?)] = []
        var head: StoreHead
        var notes: Set<UInt64> = []
        var position: UInt64
        var isCheckpoint = false
        var done: [PendingTransaction] = []
        var failed: [(PendingTransaction, StoreFailure)] = []
        var left: [PendingTransaction] = []
    }

    /// Runs the transactions on one state of the store; nil when that state is not the newest any more.
    private func plan(_ batch: [PendingTransaction]) async throws(StoreFailure) -> Plan? {
        let position = index.position
        guard let head = index.head else { throw StoreFailure(.failed, "the store has no head") }
        var entries = try await load(batch)
        guard index.position == position else { return nil }
        let revision = head.revision + 1
        var plan = Plan(head: head, position: position)
        var bytes = 0
        for (place, transaction) in batch.enumerated() {
            let keys = Set(transaction.keys)
            let families = Set(transaction.families)
            let view = StoreTransaction(
                declared: keys, listed: families,
                entries: entries.filter { keys.contains($0.key) || families.contains($0.key.family) },
                revision: revision)
            guard let writes = transaction.run(view) else {
                plan.done.append(transaction)
                continue
            }
            let size = writes.reduce(0) { $0 + ($1.value?.count ?? 0) + 256 }
            if let failure = limitFailure(writes) {
                plan.failed.append((transaction, failure))
                continue
            }
            let isFull =
                bytes + size > backend.bytesLimit || plan.writes.count + writes.count + 6 > backend.changesLimit
            if isFull, !plan.writes.isEmpty {
                plan.left = Array(batch[place...])
                break
            }
            bytes += size
            for (key, value) in writes {
                plan.writes[key] = value
                entries[key] = value.map { StoredEntry(name: key.name, value: $0, version: revision) }
            }
            plan.done.append(transaction)
        }
        if let counter, !plan.writes.isEmpty,
            commitsSinceCheckpoint >= (counter.wears ? Self.commitsBetweenCheckpoints : 1)
        {
            plan.writes[EntryFamily.checkpoint[replica]] = Self.bytes(counted + 1)
            plan.isCheckpoint = true
        }
        try seal(&plan, revision)
        return plan
    }

    private func limitFailure(_ writes: [EntryKey: [UInt8]?]) -> StoreFailure? {
        if writes.count + 6 > backend.changesLimit {
            return StoreFailure(.limit, "one change touches \(writes.count) entries, the store takes fewer at once")
        }
        if writes.contains(where: { ($0.value?.count ?? 0) + 8192 > backend.blobLimit }) {
            return StoreFailure(.limit, "a value is larger than the \(backend.blobLimit - 8192) bytes of the store")
        }
        if let key = writes.keys.first(where: { $0.name.utf8.count > EntryKey.nameLimit }) {
            return StoreFailure(.limit, "the name of an entry of \(key.family.rawValue) is too long")
        }
        return nil
    }

    /// Loads what the transactions declared.
    private func load(_ batch: [PendingTransaction]) async throws(StoreFailure) -> [EntryKey: StoredEntry] {
        var names: [[UInt8]: EntryKey] = [:]
        var families: Set<EntryFamily> = []
        for transaction in batch {
            for key in transaction.keys { names[keyring.storedName(key)] = key }
            families.formUnion(transaction.families)
        }
        var entries: [EntryKey: StoredEntry] = [:]
        let known = names.keys.filter { index.mark($0) != nil }
        if !known.isEmpty {
            let blobs = try await consistent { (backend) throws(StoreFailure) in
                try await backend.read(known)
            } expecting: { index in
                Dictionary(known.compactMap { name in index.mark(name).map { (name, $0) } }) { first, _ in first }
            }
            for (name, blob) in blobs {
                if let key = names[name] { entries[key] = try keyring.open(blob, name: name) }
            }
        }
        for family in families {
            for entry in try await list(family) { entries[family[entry.name]] = entry }
        }
        return entries
    }

    private func seal(_ plan: inout Plan, _ revision: UInt64) throws(StoreFailure) {
        var removed: [UInt8] = []
        for (key, value) in plan.writes {
            let name = keyring.storedName(key)
            if let value {
                let blob = try keyring.seal(value, as: key, version: revision)
                plan.changes.append(StoreChange(name: name, blob: blob))
                plan.marks.append((name, StoredMark(of: blob)))
            } else if index.mark(name) != nil {
                plan.changes.append(StoreChange(name: name, blob: nil))
                plan.marks.append((name, nil))
                removed += name
            }
        }
        guard !plan.changes.isEmpty else { return }
        plan.notes = index.notes
        if !removed.isEmpty {
            let name = StoredName.note(revision)
            plan.changes.append(
                StoreChange(name: name, blob: try keyring.seal(record: removed, name: name, version: revision)))
            plan.notes.insert(revision)
            // Replicas that are further behind than this learn everything anew.
            for old in plan.notes.sorted().prefix(2) where old + 4096 < revision {
                plan.changes.append(StoreChange(name: StoredName.note(old), blob: nil))
                plan.notes.remove(old)
            }
        }
        plan.head.revision = revision
        plan.head.sum = index.sum(after: plan.marks, keys: keyring)
        plan.head.writer = .random(in: .min ... .max)
        plan.changes.append(
            StoreChange(
                name: StoredName.head,
                blob: try keyring.seal(record: plan.head.bytes, name: StoredName.head, version: revision)))
    }

    /// Writes the plan; false when somebody else was first.
    private func write(_ plan: Plan) async throws(StoreFailure) -> Bool {
        for attempt in 1... {
            do throws(StoreFailure) {
                guard let position = try await backend.commit(plan.changes, at: plan.position) else { return false }
                index.apply(plan.marks, head: plan.head, notes: plan.notes, position: position, keys: keyring)
                await count(plan.isCheckpoint)
                return true
            } catch {
                // The database is asked what became of the commit before anybody is told that it failed. To run the transactions
                // again instead could do twice what they do: others may have committed on top.
                guard error.kind == .unsure, attempt < 3 else { throw error }
            }
        }
        return false
    }

    /// Lets the counter follow. A number is in the store before the counter has it, so that a crash between the two is no
    /// roll-back.
    private func count(_ isCheckpoint: Bool) async {
        guard let counter else { return }
        guard isCheckpoint else {
            commitsSinceCheckpoint += commitsSinceCheckpoint == .max ? 0 : 1
            return
        }
        do throws(RootKeyFailure) {
            counted = try await counter.advance()
            commitsSinceCheckpoint = counter.wears ? 0 : 1
            counterFailure = nil
        } catch {
            // The number in the store is one ahead, as after a crash; the next commit is a checkpoint with the same number.
            commitsSinceCheckpoint = .max
            counterFailure = error
        }
    }
}

/// Where a transaction's result waits for its commit.
private final class Outcome<R: Sendable, E: Error>: Sendable {
    private let value = Mutex<Result<R, E>?>(nil)

    func set(_ result: Result<R, E>) { value.withLock { $0 = result } }
    func get() -> Result<R, E>? { value.withLock { $0 } }
}

extension SealedStore {
    /// Writes one entry.
    public func put(_ key: EntryKey, _ value: [UInt8]) async throws {
        try await transact([]) { $0.put(key, value) }
    }
}
