import Foundation
import Synchronization
import Testing

@testable import SealedStorage

@Suite("Backups of the store")
struct BackupTests {
    /// From each kind of database into each.
    static let ways = StoreKind.here.flatMap { from in StoreKind.here.map { (from, $0) } }

    @Test(arguments: ways)
    func `a backup under load is of one commit, and restores into an empty database only`(
        from: StoreKind, to: StoreKind
    ) async throws {
        let bench = try await StoreBench(from)
        let store = try await bench.open()
        let other = try await bench.open()
        for number in 0..<120 { try await store.put(EntryFamily.fruit["\(number)"], [UInt8(number)]) }
        try await store.put(EntryFamily.fruit["large"], .init(repeating: 9, count: 3 << 20))
        // Two counters that change together: a backup that is not of one commit shows them apart.
        let isDone = Flag()
        let file = bench.folder + "/backup"
        let inventory = try await withThrowingTaskGroup(of: Void.self) { group in
            for store in [store, other] {
                group.addTask {
                    while !isDone.isSet, !Task.isCancelled {
                        try await store.transact([EntryFamily.stone["left"]]) { (transaction) throws(StoreFailure) in
                            let next = (try transaction.read(EntryFamily.stone["left"])?.value.first ?? 0) &+ 1
                            transaction.put(EntryFamily.stone["left"], [next])
                            transaction.put(EntryFamily.stone["right"], [next])
                            transaction.remove(EntryFamily.fruit["\(next)"])
                        }
                        try await Task.sleep(for: .milliseconds(15))
                    }
                }
            }
            while try await store.read(EntryFamily.stone["left"]) == nil {
                try await Task.sleep(for: .milliseconds(10))
            }
            let inventory = try await store.backup(to: file)
            isDone.set()
            try await group.waitForAll()
            return inventory
        }
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        await #expect(throws: StoreFailure.self) { _ = try await store.backup(to: file) }

        let target = try await StoreBench(to)
        let restored = try await SealedStore.restore(from: file, into: target.backend(), rootKey: bench.rootKey)
        #expect(restored.entries == inventory.entries)
        // Without anybody's word it does not open: what was written since is gone.
        let closed = await #expect(throws: StoreFailure.self) {
            _ = try await SealedStore(try target.backend(), rootKey: bench.rootKey)
        }
        #expect(closed?.reason.contains("--accept-rollback") == true)
        let opened = try await SealedStore(try target.backend(), rootKey: bench.rootKey, acceptingRollback: true)
        #expect(await opened.wasRolledBack)
        #expect(try await opened.verify().entries == inventory.entries)
        let left = try await opened.read(EntryFamily.stone["left"])?.value
        #expect(left == (try await opened.read(EntryFamily.stone["right"])?.value))
        #expect(try await opened.read(EntryFamily.fruit["large"])?.value.count == 3 << 20)
        #expect(try await opened.read(EntryFamily.fruit["\(left?.first ?? 0)"]) == nil)
        try await opened.put(EntryFamily.fruit["after"], [1])
        // Said once is enough, when what rests on it was renewed.
        try await opened.settleRollback()
        let again = try await SealedStore(try target.backend(), rootKey: bench.rootKey)
        #expect(await !again.wasRolledBack)
        let full = await #expect(throws: StoreFailure.self) {
            _ = try await SealedStore.restore(from: file, into: target.backend(), rootKey: bench.rootKey)
        }
        #expect(full?.reason.contains("not empty") == true)
    }

    @Test func `a backup that was cut or changed is refused before anything is written`() async throws {
        let bench = try await StoreBench()
        let store = try await bench.open()
        for number in 0..<5 { try await store.put(EntryFamily.fruit["\(number)"], [UInt8(number)]) }
        try await store.transact([]) { $0.remove(EntryFamily.fruit["4"]) }
        let file = bench.folder + "/backup"
        _ = try await store.backup(to: file)
        let bytes = Array(try #require(FileManager.default.contents(atPath: file)))
        let target = try await StoreBench()
        let backend = try target.backend()
        let changed = bench.folder + "/changed"
        func refuse(_ bytes: some Sequence<UInt8>, _ what: String) async throws {
            try Data(bytes).write(to: URL(fileURLWithPath: changed))
            let failure = await #expect(throws: StoreFailure.self, "\(what)") {
                _ = try await SealedStore.restore(from: changed, into: backend, rootKey: bench.rootKey)
            }
            #expect(failure?.kind == .tampered || failure?.kind == .rootKey, "\(what): \(String(describing: failure))")
        }
        for place in Array(0..<400) + Array(stride(from: 400, to: bytes.count, by: 13)) {
            var copy = bytes
            copy[place] ^= 1
            try await refuse(copy, "byte \(place)")
        }
        for count in [0, 1, 100, 4095, 4096, 4097, bytes.count - 1] {
            try await refuse(bytes.prefix(count), "\(count) bytes")
        }
        try await refuse(bytes + [0], "one byte more")
        // Records of another backup of the same store, of the same length.
        try await store.put(EntryFamily.fruit["0"], [99])
        _ = try await store.backup(to: bench.folder + "/later")
        let later = Array(try #require(FileManager.default.contents(atPath: bench.folder + "/later")))
        #expect(later.count == bytes.count)
        try await refuse(bytes.prefix(4096) + later.dropFirst(4096), "records of another")
        // Nothing of all that reached the database.
        #expect(try await target.rows().isEmpty)
        _ = try await SealedStore.restore(from: file, into: target.backend(), rootKey: bench.rootKey)
        let other = await #expect(throws: StoreFailure.self) {
            _ = try await SealedStore.restore(
                from: file, into: try await StoreBench().backend(), rootKey: PickyKey())
        }
        #expect(other?.kind == .rootKey)
    }

    @Test(arguments: StoreKind.here)
    func `a restore that was interrupted opens as nothing`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let store = try await bench.open()
        for number in 0..<300 { try await store.put(EntryFamily.fruit["\(number)"], .init(repeating: 1, count: 9000)) }
        let file = bench.folder + "/backup"
        _ = try await store.backup(to: file)
        let target = try await StoreBench(kind)
        let failing = FailingBackend(try target.backend())
        // SQLite takes all entries in one commit: only head and keyring are missing then.
        failing.commitsUntilEnd.withLock { $0 = kind == .etcd ? 2 : 1 }
        await #expect(throws: StoreFailure.self) {
            _ = try await SealedStore.restore(from: file, into: failing, rootKey: bench.rootKey)
        }
        let failure = await #expect(throws: StoreFailure.self) {
            _ = try await SealedStore(try target.backend(), rootKey: bench.rootKey, acceptingRollback: true)
        }
        #expect(failure?.reason.contains("restore was interrupted") == true)
    }

    @Test func `a counter holds a restored store back by itself`() async throws {
        let bench = try await StoreBench()
        let counter = KeptCounter(wears: false)
        let store = try await bench.open(counter: counter)
        try await store.put(EntryFamily.fruit["a"], [1])
        let file = bench.folder + "/backup"
        _ = try await store.backup(to: file)
        try await store.put(EntryFamily.fruit["b"], [1])
        await store.shutdown()
        let target = try await StoreBench()
        _ = try await SealedStore.restore(from: file, into: target.backend(), rootKey: bench.rootKey)
        let opened = try await SealedStore(
            try target.backend(), rootKey: bench.rootKey, counter: CounterAccess(counter), acceptingRollback: true)
        #expect(await opened.wasRolledBack)
        try await opened.put(EntryFamily.fruit["c"], [1])
        await opened.shutdown()
        _ = try await SealedStore(try target.backend(), rootKey: bench.rootKey, counter: CounterAccess(counter))
    }
}
