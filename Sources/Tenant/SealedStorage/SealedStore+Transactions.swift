import RootKeys
import Synchronization

/// A transaction that waits for its commit.
struct PendingTransaction: Sendable {
    let keys: [EntryKey]
    let families: [EntryFamily]
    /// Whether its roll-back would undo no decision of an administrator, so that it needs no checkpoint of its own.
    let isRoutine: Bool
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
    ///   - isRoutine: Whether it comes so often that a counter which wears must not follow each time. Where the counter does
    ///     not answer, only such transactions go on.
    ///   - body: Reads and writes; runs again when somebody else was first. What it throws comes out and nothing is written.
    public func transact<R: Sendable, E: Error>(
        _ keys: [EntryKey], listing families: [EntryFamily] = [], isRoutine: Bool = false,
        _ body: @escaping @Sendable (inout StoreTransaction) throws(E) -> R
    ) async throws -> R {
        let outcome = Outcome<R, E>()
        let failure = await withCheckedContinuation { (continuation: CheckedContinuation<StoreFailure?, Never>) in
            queue.append(
                PendingTransaction(
                    keys: keys, families: families, isRoutine: isRoutine,
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
        let batch = queue
        queue = []
        await commit(batch)
        passOn()
    }

    /// Waits for the commit that is under way and lets no other begin until ``passOn()``.
    func stopCommits() async {
        if isCommitting {
            await withCheckedContinuation { waiters.append($0) }
        }
        isCommitting = true
    }

    /// Lets the next one commit: who waits to do so alone, or else the queue.
    func passOn() {
        if !waiters.isEmpty {
            waiters.removeFirst().resume()
        } else if !queue.isEmpty {
            Task { await drain() }
        } else {
            isCommitting = false
        }
    }

    /// Commits what `build` makes of the newest state, between the commits of transactions. It runs again when another replica was
    /// first; nil or a plan without changes ends it.
    func commitAlone(
        _ build: (isolated SealedStore) async throws(StoreFailure) -> CommitPlan?
    ) async throws(StoreFailure) {
        await stopCommits()
        defer { passOn() }
        var start = await waitForTurn()
        for attempt in 0..<Self.attempts {
            try await pause(before: attempt)
            if attempt > 0 { start = .now }
            try await refresh()
            let position = index.position
            guard var plan = try await build(self) else { return }
            guard index.position == position else { continue }
            addCheckpoint(&plan)
            try seal(&plan)
            if plan.changes.isEmpty { return }
            if try await write(plan) { return leaveGap(since: start) }
        }
        throw Self.noGap
    }

    private static let attempts = 100

    /// Waits until other replicas had their turn. Who has just committed knows the newest state already, and would be first again
    /// and again; what is queued meanwhile shares the next commit.
    private func waitForTurn() async -> ContinuousClock.Instant {
        let now = ContinuousClock.now
        guard nextCommit > now else { return now }
        try? await Task.sleep(until: nextCommit, clock: .continuous)
        return .now
    }

    private func leaveGap(since start: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        guard backend.isShared || lastForeign.map({ now - $0 < .seconds(10) }) == true else { return }
        let took = min(now - start, .milliseconds(25))
        nextCommit = now + took * Double.random(in: 0.5...2)
    }

    private static let noGap = StoreFailure(
        .unreachable, "other replicas write so often that this change found no gap; try again")

    private func pause(before attempt: Int) async throws(StoreFailure) {
        // Who waits loses again: all replicas begin anew right after a commit, and the first one wins.
        guard attempt > 10 else { return }
        try? await Task.sleep(for: .milliseconds(Int.random(in: 0...5)))
    }

    /// Commits as many of `batch` as fit; the others go back to the front of the queue.
    private func commit(_ first: [PendingTransaction]) async {
        var start = await waitForTurn()
        // Those that came meanwhile go along.
        let batch = first + queue
        queue = []
        var failure = Self.noGap
        for attempt in 0..<Self.attempts {
            do throws(StoreFailure) {
                try await pause(before: attempt)
                if attempt > 0 { start = .now }
                try await refresh()
                guard let plan = try await plan(batch) else { continue }
                if !plan.changes.isEmpty {
                    guard try await write(plan) else { continue }
                    leaveGap(since: start)
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

    /// Runs the transactions on one state of the store; nil when that state is not the newest any more.
    private func plan(_ batch: [PendingTransaction]) async throws(StoreFailure) -> CommitPlan? {
        if counterFailure != nil { await askCounter() }
        guard var entries = try await load(batch), var plan = emptyPlan() else { return nil }
        let revision = plan.head.revision
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
            if let failure = limitFailure(writes) ?? (transaction.isRoutine || writes.isEmpty ? nil : uncounted) {
                plan.failed.append((transaction, failure))
                continue
            }
            if !transaction.isRoutine, !writes.isEmpty { plan.wantsCheckpoint = true }
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
        addCheckpoint(&plan)
        try seal(&plan)
        return plan
    }

    /// A plan that follows the state that is known here; nil where there is none.
    func emptyPlan() -> CommitPlan? {
        guard let head = index.head else { return nil }
        return CommitPlan(after: head, notes: index.notes, position: index.position)
    }

    private func addCheckpoint(_ plan: inout CommitPlan) {
        guard let counter, plan.isNeeded || !plan.writes.isEmpty || !plan.changes.isEmpty,
            plan.wantsCheckpoint || commitsSinceCheckpoint >= (counter.wears ? Self.commitsBetweenCheckpoints : 1)
        else { return }
        plan.writes[EntryFamily.checkpoint[replica]] = Self.bytes(counted + 1)
        plan.isCheckpoint = true
    }

    /// Why nothing may change that the counter would have to follow; nil when it answers.
    private var uncounted: StoreFailure? {
        counterFailure.map { StoreFailure(.unreachable, "the roll-back counter does not follow: \($0)") }
    }

    /// Asks whether a counter that failed answers again. The next commit is a checkpoint in any case.
    private func askCounter() async {
        guard let counter else { return }
        do throws(RootKeyFailure) {
            counted = try await counter.value()
            counterFailure = nil
        } catch {
            counterFailure = error
        }
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

    /// Loads what the transactions declared, as of the state that is known here afterwards; nil when that moved between two parts.
    private func load(_ batch: [PendingTransaction]) async throws(StoreFailure) -> [EntryKey: StoredEntry]? {
        var names: [[UInt8]: EntryKey] = [:]
        var families: Set<EntryFamily> = []
        for transaction in batch {
            for key in transaction.keys { names[keyring.storedName(key)] = key }
            families.formUnion(transaction.families)
        }
        var entries: [EntryKey: StoredEntry] = [:]
        var position: UInt64?
        if names.keys.contains(where: { index.mark($0) != nil }) {
            for (name, blob) in try await current(Array(names.keys)) {
                if let key = names[name] { entries[key] = try keyring.open(blob, name: name) }
            }
        }
        if !names.isEmpty { position = index.position }
        for family in families {
            for entry in try await list(family) { entries[family[entry.name]] = entry }
            guard position == nil || position == index.position else { return nil }
            position = index.position
        }
        return entries
    }

    private func seal(_ plan: inout CommitPlan) throws(StoreFailure) {
        let revision = plan.head.revision
        var removed: [UInt8] = []
        for (key, value) in plan.writes {
            let name = keyring.storedName(key)
            plan.forget(name)
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
        guard plan.isNeeded || !plan.changes.isEmpty else { return }
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
        plan.head.sum = index.sum(after: plan.marks, keys: keyring)
        plan.head.writer = .random(in: .min ... .max)
        // Under the keys that the commit brings: a replica that cannot open them cannot write on top of it, under a key that is
        // going to be forgotten.
        let keys = plan.keyring ?? keyring
        plan.changes.append(
            StoreChange(
                name: StoredName.head,
                blob: try keys.seal(record: plan.head.bytes, name: StoredName.head, version: revision)))
    }

    /// Writes the plan; false when somebody else was first.
    private func write(_ plan: CommitPlan) async throws(StoreFailure) -> Bool {
        for attempt in 1... {
            do throws(StoreFailure) {
                guard let position = try await backend.commit(plan.changes, at: plan.position) else { return false }
                index.apply(plan.marks, head: plan.head, notes: plan.notes, position: position, keys: keyring)
                if let newer = plan.keyring, index.head?.writer == plan.head.writer {
                    (keyring, keyringDigest, keyringFailure) = (newer, plan.head.keyring, nil)
                }
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
