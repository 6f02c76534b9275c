import Envelope
import Foundation
import RootKeys
import Synchronization
import Testing

@testable import SealedStorage

@Suite("Maintenance of the store")
struct MaintenanceTests {
    @Test(arguments: StoreKind.here)
    func `the root key is exchanged while replicas go on, and the old one opens nothing`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let one = try await bench.open()
        let two = try await bench.open()
        try await one.put(EntryFamily.fruit["a"], [1])
        let newer = PickyKey()
        let before = try await bench.rows()
        try await one.rotateRootKey(to: newer)
        // The other replica has the old root key only, and does not need it to go on.
        #expect(try await two.read(EntryFamily.fruit["a"])?.value == [1])
        try await two.put(EntryFamily.fruit["b"], [2])
        #expect(await two.keyringFailure != nil)
        try await one.put(EntryFamily.fruit["c"], [3])
        #expect(try await two.list(.fruit).map(\.value) == [[1], [2], [3]])
        // The database holds nothing that the old root key opens.
        let old = await #expect(throws: StoreFailure.self) { _ = try await bench.open() }
        #expect(old?.kind == .rootKey || old?.kind == .tampered)
        let three = try await SealedStore(try bench.backend(), rootKey: bench.rootKey, formerRootKeys: [newer])
        #expect(try await three.list(.fruit).count == 3)
        // A new data key is out of the reach of a replica with the old root key, until it is offered the new one.
        try await one.rotateDataKey()
        await #expect(throws: StoreFailure.self) { try await two.put(EntryFamily.fruit["d"], [4]) }
        try await two.offer(rootKey: newer)
        try await two.put(EntryFamily.fruit["d"], [4])
        #expect(await two.keyringFailure == nil)
        #expect(try await three.list(.fruit).count == 4)
        // The keyring from before, put back, is found.
        try await bench.change(set: before.filter { $0.name == StoredName.keyring })
        let failure = await #expect(throws: StoreFailure.self) {
            _ = try await SealedStore(try bench.backend(), rootKey: bench.rootKey, formerRootKeys: [newer])
        }
        #expect(failure?.kind == .tampered)
        await #expect(throws: StoreFailure.self) { _ = try await one.verify() }
    }

    @Test(arguments: StoreKind.here)
    func `a replica that cannot open the new data key writes nothing that is lost with the old one`(
        kind: StoreKind
    ) async throws {
        let bench = try await StoreBench(kind)
        let one = try await bench.open()
        let two = try await bench.open()
        for number in 0..<200 { try await one.put(EntryFamily.fruit["\(number)"], [1]) }
        let newer = PickyKey()
        try await one.rotateRootKey(to: newer)
        // The other replica has the old root key only. It writes for as long as it can, and says what it wrote.
        let writer = Task {
            var written: [String] = []
            for number in 0... {
                do {
                    try await two.put(EntryFamily.fruit["two-\(number)"], [2])
                    written.append("two-\(number)")
                } catch {
                    break
                }
            }
            return written
        }
        while try await one.read(EntryFamily.fruit["two-0"]) == nil { await Task.yield() }
        try await one.rotateDataKey()
        let written = await writer.value
        #expect(!written.isEmpty)
        let later = try await SealedStore(try bench.backend(), rootKey: newer)
        #expect(try await later.verify().entries == 200 + written.count)
        for name in written { #expect(try await later.read(EntryFamily.fruit[name])?.value == [2]) }
    }

    @Test(arguments: StoreKind.here)
    func `a data key is exchanged under load without a failed read, and the old one is gone`(
        kind: StoreKind
    ) async throws {
        let bench = try await StoreBench(kind)
        let one = try await bench.open()
        let two = try await bench.open()
        try await one.transact([]) { transaction in
            for number in 0..<90 { transaction.put(EntryFamily.fruit["\(number)"], [UInt8(number)]) }
        }
        for number in 90..<200 { try await one.put(EntryFamily.fruit["\(number)"], [UInt8(number)]) }
        for number in 190..<200 { try await one.transact([]) { $0.remove(EntryFamily.fruit["\(number)"]) } }
        let old = await one.keyring
        let versions = Dictionary(uniqueKeysWithValues: try await one.list(.fruit).map { ($0.name, $0.version) })
        let isDone = Flag()
        let reads = try await withThrowingTaskGroup(of: Int.self) { group in
            for (place, store) in [one, two, two].enumerated() {
                group.addTask {
                    var count = 0
                    while !isDone.isSet, !Task.isCancelled {
                        let number = Int.random(in: 0..<190)
                        #expect(try await store.read(EntryFamily.fruit["\(number)"])?.value == [UInt8(number)])
                        if place < 2 { try await store.put(EntryFamily.stone["\(place)"], [UInt8(count % 256)]) }
                        count += 1
                    }
                    return count
                }
            }
            try await one.rotateDataKey()
            isDone.set()
            return try await group.reduce(0, +)
        }
        #expect(reads > 3)
        #expect(await !one.isRotatingDataKey)
        // Nothing in the database opens under the old keys, and nothing else changed.
        for row in try await bench.rows() where row.name != StoredName.keyring {
            #expect(throws: StoreFailure.self) { try old.open(record: Self.blob(row, kind), name: row.name) }
        }
        for store in [one, two, try await bench.open()] {
            for entry in try await store.list(.fruit) {
                #expect(entry.value == [UInt8(entry.name) ?? 255])
                #expect(entry.version == versions[entry.name])
            }
            #expect(try await store.verify().entries == 192)
            #expect(await !store.isRotatingDataKey)
        }
    }

    @Test(arguments: StoreKind.here)
    func `an interrupted exchange of the data key is ended by another process`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let lossy = FailingBackend(try bench.backend())
        let store = try await SealedStore(lossy, rootKey: bench.rootKey)
        for number in 0..<100 { try await store.put(EntryFamily.fruit["\(number)"], [7]) }
        lossy.commitsUntilEnd.withLock { $0 = 2 }
        await #expect(throws: StoreFailure.self) { try await store.rotateDataKey() }
        let other = try await bench.open()
        #expect(await other.isRotatingDataKey)
        #expect(try await other.verify().entries == 100)
        try await other.maintain()
        #expect(await !other.isRotatingDataKey)
        #expect(try await other.verify().entries == 100)
        #expect(try await bench.open().list(.fruit).count == 100)
    }

    @Test(arguments: StoreKind.here)
    func `an entry that is withheld during the exchange stops it`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let store = try await bench.open()
        for name in ["a", "b"] { try await store.put(EntryFamily.fruit[name], [1]) }
        let name = await store.keyring.storedName(EntryFamily.fruit["a"])
        let row = try #require(try await bench.rows().first { $0.name == name })
        try await bench.change(remove: [name])
        let failure = await #expect(throws: StoreFailure.self) { try await store.rotateDataKey() }
        #expect(failure?.kind == .tampered)
        // Put back, it is there with its key.
        try await bench.change(set: [row])
        try await store.finishDataKeyRotation()
        #expect(try await store.list(.fruit).count == 2)
    }

    @Test(arguments: StoreKind.here)
    func `everything is read by a verification`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let store = try await bench.open()
        for number in 0..<40 { try await store.put(EntryFamily.fruit["\(number)"], .init(repeating: 1, count: 100)) }
        let inventory = try await store.verify()
        #expect(inventory.entries == 40)
        #expect(inventory.bytes > 4000)
        #expect(inventory.revision == 41)
        // A change that leaves the mark alone is found by opening.
        let name = await store.keyring.storedName(EntryFamily.fruit["7"])
        var row = try #require(try await bench.rows().first { $0.name == name })
        row.value[40] ^= 1
        try await bench.change(set: [row])
        let failure = await #expect(throws: StoreFailure.self) { _ = try await store.verify() }
        #expect(failure?.kind == .tampered)
        // And no backup is made of it.
        await #expect(throws: StoreFailure.self) { _ = try await store.backup(to: bench.folder + "/backup") }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: bench.folder).allSatisfy { !$0.hasPrefix("backup") })
    }

    private static func blob(_ row: StoreBench.Row, _ kind: StoreKind) -> [UInt8] {
        kind == .sqlite ? row.value : Array(row.value.dropFirst())
    }
}

/// A root key that knows what it wrapped.
struct PickyKey: RootKey {
    let kind = "picky"
    private let pad = SecretBytes(random: 32)
    private let mark = SecretBytes(random: 8).copyBytes()

    func wrap(_ key: SecretBytes, context: [UInt8]) async throws(RootKeyFailure) -> [UInt8] {
        mark + zip(key.copyBytes(), pad.copyBytes()).map { $0 ^ $1 }
    }

    func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(RootKeyFailure) -> SecretBytes {
        guard wrapped.starts(with: mark) else {
            throw RootKeyFailure(.otherKey, kind: kind, "a key does not open", because: "of its mark", remedy: "none")
        }
        return SecretBytes(zip(wrapped.dropFirst(8), pad.copyBytes()).map { $0 ^ $1 })
    }
}

/// A database that loses answers, or ends after a number of commits.
final class FailingBackend: StoreBackend {
    let inner: any StoreBackend
    /// How many commits are done before all fail; nil for any number.
    let commitsUntilEnd = Mutex<Int?>(nil)
    /// How many answers of commits get lost from now on.
    let answersToLose = Mutex(0)
    /// What happens between a commit whose answer is lost and the next call.
    let meanwhile = Mutex<(@Sendable () async -> Void)?>(nil)

    init(_ inner: any StoreBackend) { self.inner = inner }

    var kind: String { inner.kind }
    var changesLimit: Int { inner.changesLimit }
    var bytesLimit: Int { inner.bytesLimit }
    var blobLimit: Int { inner.blobLimit }

    func changes(after position: UInt64) async throws(StoreFailure) -> StoreChanges {
        try await inner.changes(after: position)
    }
    func read(_ names: [[UInt8]]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] { try await inner.read(names) }
    func read(prefix: [UInt8]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        try await inner.read(prefix: prefix)
    }
    func shutdown() async { await inner.shutdown() }

    func commit(_ changes: [StoreChange], at position: UInt64) async throws(StoreFailure) -> UInt64? {
        let isOver = commitsUntilEnd.withLock { left in
            guard let count = left else { return false }
            left = count - 1
            return count <= 0
        }
        guard !isOver else { throw StoreFailure(.unreachable, "the database is gone") }
        let made = try await inner.commit(changes, at: position)
        let isLost = answersToLose.withLock { left in
            guard left > 0 else { return false }
            left -= 1
            return true
        }
        guard isLost else { return made }
        await meanwhile.withLock { $0 }?()
        throw StoreFailure(.unsure, "the answer was lost")
    }
}
