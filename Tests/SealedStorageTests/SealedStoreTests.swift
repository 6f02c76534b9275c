import Envelope
import Foundation
import TestSupport
import Testing

@testable import SealedStorage

@Suite("Sealed store")
struct SealedStoreTests {
    @Test(.enabled(if: EtcdCluster.isInstalled, "etcd is not installed: the suites of the store run on SQLite only"))
    func `etcd is here`() async throws {
        #expect(try await EtcdCluster.shared.value.endpoints.count == 1)
    }

    @Test(arguments: [UInt64(1) << 63, UInt64.max - 1, UInt64.max])
    func `a head at the end of all revisions is none`(revision: UInt64) throws {
        var head = StoreHead(revision: revision, sum: EntrySum(), keyring: [UInt8](repeating: 0, count: 32))
        let failure = #expect(throws: StoreFailure.self) { _ = try StoreHead(head.bytes) }
        #expect(failure?.kind == .tampered)
        head.revision = (1 << 63) - 1
        #expect(try StoreHead(head.bytes) == head)
    }

    @Test(arguments: StoreKind.here)
    func `a family is another one after each change, also when what one put another removes`(
        kind: StoreKind
    ) async throws {
        let bench = try await StoreBench(kind)
        let (one, two) = (try await bench.open(), try await bench.open())
        try await one.put(EntryFamily.fruit["apple"], [1])
        let before = await one.generation([.fruit, .stone])
        try await one.put(EntryFamily.fruit["pear"], [2])
        let between = await one.generation([.fruit, .stone])
        try await two.transact([]) { $0.remove(EntryFamily.fruit["pear"]) }
        try await one.refresh()
        let after = await one.generation([.fruit, .stone])
        #expect(Set([before[0], between[0], after[0]]).count == 3)
        try await two.put(EntryFamily.stone["a"], [1])
        try await one.refresh()
        #expect(await one.generation([.fruit])[0] == after[0])
        #expect(await one.generation([.stone])[0] != after[1])
        // The last one of a family, seen by whoever reads all anew.
        try await two.transact([]) { $0.remove(EntryFamily.stone["a"]) }
        let known = await one.generation([.stone])
        try await one.rescan()
        #expect(await one.generation([.stone]) != known)
    }

    @Test(arguments: StoreKind.here)
    func `entries are read, listed, replaced and removed, and survive`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let store = try await bench.open()
        try await store.put(EntryFamily.fruit["apple"], [1, 2, 3])
        try await store.put(EntryFamily.fruit["pear"], [])
        try await store.put(EntryFamily.stone["apple"], [9])
        #expect(try await store.read(EntryFamily.fruit["apple"])?.value == [1, 2, 3])
        #expect(try await store.read(EntryFamily.fruit["plum"]) == nil)
        try await store.put(EntryFamily.fruit["apple"], [4])
        try await store.transact([]) { $0.remove(EntryFamily.stone["apple"]) }
        for store in [store, try await bench.open()] {
            #expect(try await store.list(.fruit).map(\.name) == ["apple", "pear"])
            #expect(try await store.read(EntryFamily.fruit["apple"])?.value == [4])
            #expect(try await store.list(.stone) == [])
            #expect(await store.count(.fruit) == 2)
        }
    }

    @Test(arguments: StoreKind.here)
    func `what is recalled is what was written last`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let (one, two) = (try await bench.open(), try await bench.open())
        let key = EntryFamily.fruit["apple"]
        #expect(try await one.recall(key) == nil)
        for number in UInt8(1)...3 {
            try await one.put(key, [number])
            for _ in 0..<2 { #expect(try await one.recall(key)?.value == [number]) }
        }
        // Another process writes: at the latest seen after a look at the database.
        #expect(try await two.recall(key)?.value == [3])
        try await one.put(key, [4])
        if kind == .sqlite { try await two.refresh() }
        #expect(try await two.recall(key)?.value == [4])
        try await one.rotateDataKey()
        #expect(try await one.recall(key)?.value == [4])
        try await one.transact([]) { $0.remove(key) }
        #expect(try await one.recall(key) == nil)
        if kind == .sqlite { try await two.refresh() }
        #expect(try await two.recall(key) == nil)
    }

    @Test func `all rows put back under a process that runs are noticed at the next look`() async throws {
        let bench = try await StoreBench(.sqlite)
        let store = try await bench.open()
        let key = EntryFamily.fruit["apple"]
        try await store.put(key, [1])
        let old = try await bench.rows()
        try await store.put(key, [2])
        try await store.put(EntryFamily.fruit["pear"], [3])
        #expect(try await store.recall(key)?.value == [2])
        try await bench.change(set: old, remove: try await bench.rows().map(\.name))
        let failure = await #expect(throws: StoreFailure.self) { try await store.refresh() }
        #expect(failure?.kind == .tampered)
    }

    @Test func `what the operator puts back is not recalled`() async throws {
        let bench = try await StoreBench(.sqlite)
        let store = try await bench.open()
        let key = EntryFamily.fruit["apple"]
        try await store.put(key, [1])
        #expect(try await store.recall(key)?.value == [1])
        let old = try await bench.rows()
        try await store.put(key, [2])
        #expect(try await store.recall(key)?.value == [2])
        let new = try await bench.rows().map(\.value)
        let entry = try #require(old.first { $0.name.first == StoredName.entry && !new.contains($0.value) })
        try await bench.change(set: [entry])
        #expect(try await store.recall(key)?.value == [2])
        await #expect(throws: StoreFailure.self) { try await store.read(key) }
        // Nor does a process that has read nothing yet believe it.
        await #expect(throws: StoreFailure.self) { try await bench.open().recall(key) }
    }

    @Test func `of many entries the newest are recalled, and of large ones none`() {
        var recalled = RecalledEntries()
        let mark = StoredMark(of: [])
        func note(_ number: Int) {
            let entry = StoredEntry(name: "\(number)", value: [1], version: 1)
            recalled.note(EntryFamily.fruit["\(number)"], entry, name: [], mark: mark)
        }
        for number in 0..<5000 { note(number) }
        #expect(recalled.count == RecalledEntries.countLimit)
        // However many came and went: who comes now stays for as many others.
        for number in 0..<200 { note(number) }
        for number in 6000..<6500 { note(number) }
        #expect((0..<200).allSatisfy { recalled.has(EntryFamily.fruit["\($0)"]) })
        #expect(recalled.count == RecalledEntries.countLimit)
        let large = StoredEntry(
            name: "large", value: [UInt8](repeating: 0, count: RecalledEntries.sizeLimit + 1), version: 1)
        let before = recalled.count
        recalled.note(EntryFamily.stone["large"], large, name: [], mark: mark)
        #expect(recalled.count == before)
    }

    @Test(arguments: StoreKind.here)
    func `what a body throws leaves nothing, beside others in the same commit`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let store = try await bench.open()
        struct Refusal: Error {}
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    do {
                        try await store.transact([EntryFamily.fruit["\(number)"]]) { (transaction) throws(Refusal) in
                            transaction.put(EntryFamily.fruit["\(number)"], [UInt8(number)])
                            if number % 3 == 0 { throw Refusal() }
                        }
                        return true
                    } catch is Refusal {
                        return false
                    }
                }
            }
            var kept = 0
            for try await isKept in group where isKept { kept += 1 }
            #expect(kept == 133)
        }
        #expect(try await store.list(.fruit).count == 133)
        // Transactions that wait together share commits.
        #expect(await store.revision < 100)
    }

    @Test(arguments: StoreKind.here)
    func `only one of many creates an entry, also between two processes`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let stores = [try await bench.open(), try await bench.open(), try await bench.open()]
        let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<60 {
                group.addTask {
                    try await stores[number % 3].transact([EntryFamily.fruit["\(number / 6)"]]) {
                        (transaction) throws(StoreFailure) in
                        guard try transaction.read(EntryFamily.fruit["\(number / 6)"]) == nil else { return false }
                        transaction.put(EntryFamily.fruit["\(number / 6)"], [1])
                        return true
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 10)
        for store in stores { #expect(try await store.list(.fruit).count == 10) }
    }

    @Test(arguments: StoreKind.here)
    func `a replica that was away learns of writes and removals`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let one = try await bench.open()
        let two = try await bench.open()
        for number in 0..<20 { try await one.put(EntryFamily.fruit["\(number)"], [UInt8(number)]) }
        for number in 0..<10 { try await one.transact([]) { $0.remove(EntryFamily.fruit["\(number)"]) } }
        try await one.put(EntryFamily.fruit["3"], [33])
        #expect(
            try await two.list(.fruit).map(\.name) == ["10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "3"])
        try await two.put(EntryFamily.fruit["4"], [44])
        #expect(try await one.read(EntryFamily.fruit["4"])?.value == [44])
        #expect(await one.revision == two.revision)
    }

    @Test func `the SQLite file of a store that was closed has all of it`() async throws {
        let bench = try await StoreBench(.sqlite)
        let (path, copy, key) = (bench.folder + "/one.sqlite", bench.folder + "/copy.sqlite", KeptKey())
        let store = try await SealedStore(try SQLiteBackend(path: path), rootKey: key)
        for number in 0..<20 { try await store.put(EntryFamily.fruit["\(number)"], [UInt8(number)]) }
        #expect(try await store.read(EntryFamily.fruit["7"])?.value == [7])
        await store.shutdown()
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        let other = try await SealedStore(try SQLiteBackend(path: copy), rootKey: key)
        #expect(try await other.list(.fruit).count == 20)
    }

    @Test(arguments: StoreKind.here)
    func `another root key opens nothing`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        _ = try await bench.open()
        let failure = await #expect(throws: StoreFailure.self) {
            try await SealedStore(try bench.backend(), rootKey: KeptKey())
        }
        #expect(failure?.kind == .tampered)
    }

    @Test(arguments: StoreKind.here)
    func `limits are refused with what they are`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let store = try await bench.open()
        let failure = await #expect(throws: StoreFailure.self) {
            try await store.put(EntryFamily.fruit[String(repeating: "x", count: 5000)], [1])
        }
        #expect(failure?.kind == .limit)
        await #expect(throws: StoreFailure.self) {
            try await store.put(EntryFamily.fruit["big"], .init(repeating: 0, count: 33 << 20))
        }
        await #expect(throws: StoreFailure.self) {
            try await store.transact([]) { (transaction) throws(StoreFailure) in
                _ = try transaction.read(EntryFamily.fruit["a"])
            }
        }
        try await store.put(EntryFamily.fruit["large"], .init(repeating: 7, count: 16 << 20))
        #expect(try await store.read(EntryFamily.fruit["large"])?.value.count == 16 << 20)
    }
}
