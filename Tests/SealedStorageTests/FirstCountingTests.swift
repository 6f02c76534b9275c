import Foundation
import RootKeys
import Synchronization
import Testing

@testable import EtcdStorage
@testable import SealedStorage

/// Counters and stores that do not belong together yet, or not any more; roll-backs that were accepted.
@Suite("Stores and counters that meet")
struct FirstCountingTests {
    private func open(
        _ bench: StoreBench, _ counter: CounterAccess, accepting: Bool = false
    ) async throws -> SealedStore {
        try await SealedStore(
            try bench.backend(), rootKey: bench.rootKey, counter: counter, acceptingRollback: accepting)
    }

    @Test(arguments: StoreKind.here)
    func `a counter that is new to a store is not believed until somebody says so`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let before = try await bench.open()
        try await before.put(EntryFamily.fruit["a"], [1])
        let copy = try await bench.rows()
        try await before.put(EntryFamily.fruit["b"], [1])
        await before.shutdown()
        // An older store was put here just before the first counting: nothing tells.
        let file = bench.folder + "/counter"
        let counter = CounterAccess(.file(file, timeoutSeconds: 10))
        let missing = await #expect(throws: StoreFailure.self) { _ = try await open(bench, counter) }
        #expect(missing?.reason.contains("--accept-rollback") == true, "\(String(describing: missing))")
        #expect(!FileManager.default.fileExists(atPath: file))
        let there = CounterAccess(KeptCounter(wears: true))
        let unknown = await #expect(throws: StoreFailure.self) { _ = try await open(bench, there) }
        #expect(unknown?.kind == .tampered && unknown?.reason.contains("knows no counter") == true)
        // Somebody's word makes it, and counts as an accepted roll-back.
        var store = try await open(bench, counter, accepting: true)
        #expect(await store.wasRolledBack)
        try await store.settleRollback()
        try await store.put(EntryFamily.fruit["c"], [1])
        await store.shutdown()
        store = try await open(bench, counter)
        #expect(await !store.wasRolledBack)
        await store.shutdown()
        // From now on the state of before is refused.
        try await bench.change(set: copy, remove: try await bench.rows().map(\.name))
        let old = await #expect(throws: StoreFailure.self) { _ = try await open(bench, counter) }
        #expect(old?.kind == .tampered)
    }

    @Test(arguments: StoreKind.here)
    func `a store that was deleted beside its counter is no new store`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let counter = KeptCounter(wears: true)
        // As a TPM's: the counter and its file are there, and are never made again.
        let access = CounterAccess(
            kind: "tpm", open: { _ in counter },
            create: { (_) throws(RootKeyFailure) in
                throw RootKeyFailure(.exists, kind: "tpm", "is not replaced", because: "it exists", remedy: "none")
            })
        let store = try await open(bench, access, accepting: true)
        try await store.settleRollback()
        try await store.put(EntryFamily.fruit["a"], [1])
        await store.shutdown()
        try await bench.change(remove: try await bench.rows().map(\.name))
        let failure = await #expect(throws: StoreFailure.self) { _ = try await open(bench, access) }
        #expect(failure?.kind == .tampered, "\(String(describing: failure))")
        // Starting again and again makes it no better.
        await #expect(throws: StoreFailure.self) { _ = try await open(bench, access) }
    }

    @Test(arguments: StoreKind.here)
    func `an accepted roll-back is found by each start until it is settled`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let counter = KeptCounter(wears: false)
        var store = try await bench.open(counter: counter)
        try await store.put(EntryFamily.fruit["a"], [1])
        let copy = try await bench.rows()
        try await store.put(EntryFamily.fruit["b"], [1])
        await store.shutdown()
        try await bench.change(set: copy, remove: try await bench.rows().map(\.name))
        await #expect(throws: StoreFailure.self) { _ = try await bench.open(counter: counter) }
        store = try await bench.open(counter: counter, acceptingRollback: true)
        #expect(await store.wasRolledBack)
        // Killed before what rests on it was renewed: the counter is in step, the head remembers.
        try await store.put(EntryFamily.fruit["c"], [1])
        store = try await bench.open(counter: counter)
        #expect(await store.wasRolledBack)
        try await store.settleRollback()
        store = try await bench.open(counter: counter)
        #expect(await !store.wasRolledBack)
        #expect(try await store.read(EntryFamily.fruit["c"])?.value == [1])
    }

    /// A database that answers a look at everything with one of before.
    private final class Lagging: StoreBackend {
        private let inner: any StoreBackend
        let old = Mutex<StoreChanges?>(nil)

        init(_ inner: any StoreBackend) { self.inner = inner }

        var kind: String { inner.kind }
        var changesLimit: Int { inner.changesLimit }
        var bytesLimit: Int { inner.bytesLimit }
        var blobLimit: Int { inner.blobLimit }

        func changes(after position: UInt64) async throws(StoreFailure) -> StoreChanges {
            if position == 0, let old = old.withLock({ $0 }) { return old }
            return try await inner.changes(after: position)
        }
        func read(_ names: [[UInt8]]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] { try await inner.read(names) }
        func read(prefix: [UInt8]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
            try await inner.read(prefix: prefix)
        }
        func commit(_ changes: [StoreChange], at position: UInt64) async throws(StoreFailure) -> UInt64? {
            try await inner.commit(changes, at: position)
        }
        func shutdown() async { await inner.shutdown() }
    }

    @Test func `a look at everything that always comes too late fails, and is not taken for one that found all well`()
        async throws
    {
        let bench = try await StoreBench()
        let lagging = Lagging(try bench.backend())
        let store = try await SealedStore(lagging, rootKey: bench.rootKey)
        try await store.put(EntryFamily.fruit["a"], [1])
        #expect(try await store.verify().entries == 1)
        let old = try await lagging.changes(after: 0)
        try await store.put(EntryFamily.fruit["b"], [1])
        lagging.old.withLock { $0 = old }
        let failure = await #expect(throws: StoreFailure.self) { _ = try await store.verify() }
        #expect(failure?.kind == .unreachable)
        lagging.old.withLock { $0 = nil }
        #expect(try await store.verify().entries == 2)
    }

    @Test(arguments: [(0, 5), (-1, 5), (Int64.min, 5), (6, 5), (1, 0), (1, -1), (Int64.max, 1)] as [(Int64, Int64)])
    func `revisions that no etcd has are refused, and end nothing`(revision: Int64, newest: Int64) throws {
        let refusal = #expect(throws: EtcdError.self) {
            try EtcdBackend.position(revision, within: newest)
        }
        guard case .refused(let failure)? = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(failure.kind == .tampered)
        #expect(try EtcdBackend.position(5, within: 5) == 5)
        #expect(try EtcdBackend.position(1, within: .max) == 1)
    }
}
