import Foundation
import Testing

@testable import SealedStorage

/// Whoever runs the database changes it under the store (rule R14).
@Suite("Hostile database")
struct HostileDatabaseTests {
    /// What the attacker does to the rows of three entries.
    enum Attack: String, CaseIterable {
        case flip, swap, remove, add, restoreOne, restoreAll, removeAll, restoreHead, removeHead
    }

    @Test(arguments: StoreKind.here, Attack.allCases)
    func `a changed database is refused at once and at the next start`(kind: StoreKind, attack: Attack) async throws {
        let bench = try await StoreBench(kind)
        let store = try await bench.open()
        for name in ["a", "b", "c"] { try await store.put(EntryFamily.fruit[name], Array(name.utf8)) }
        let old = try await bench.rows()
        try await store.put(EntryFamily.fruit["a"], Array("newer".utf8))
        let marks = await store.index
        let name = await store.keyring.storedName(EntryFamily.fruit["a"])
        let other = await store.keyring.storedName(EntryFamily.fruit["b"])
        let now = try await bench.rows()
        var row = try #require(now.first { $0.name == name })
        switch attack {
        case .flip:
            row.value[row.value.count - 1] ^= 1
            try await bench.change(set: [row])
        case .swap:
            row.value = try #require(now.first { $0.name == other }).value
            try await bench.change(set: [row])
        case .remove: try await bench.change(remove: [name])
        case .add:
            row.name[32] ^= 1
            try await bench.change(set: [row])
        case .restoreOne: try await bench.change(set: old.filter { $0.name == name })
        case .restoreHead: try await bench.change(set: old.filter { $0.name == StoredName.head })
        case .restoreAll: try await bench.change(set: old, remove: now.map(\.name))
        case .removeAll: try await bench.change(remove: now.map(\.name))
        case .removeHead: try await bench.change(remove: [StoredName.head])
        }
        #expect(marks.count == 3)
        // A process that knows better writes the true head again with its next commit; a new one has nothing else to go by.
        guard attack != .restoreHead, attack != .removeHead else {
            let started = await #expect(throws: StoreFailure.self) { _ = try await bench.open() }
            #expect(started?.kind == .tampered)
            return
        }
        let running = await #expect(throws: StoreFailure.self) {
            _ = try await store.list(.fruit)
            try await store.put(EntryFamily.fruit["d"], [1])
        }
        #expect(running?.kind == .tampered, "\(String(describing: running))")
        // A whole copy from before is no news to a process that never saw the newer one: that is the witness's part.
        guard attack != .restoreAll, attack != .removeAll else { return }
        let started = await #expect(throws: StoreFailure.self) { _ = try await bench.open() }
        #expect(started?.kind == .tampered)
    }

    @Test(arguments: StoreKind.here, [false, true])
    func `a store that was put back as a whole is found by its counter`(kind: StoreKind, wears: Bool) async throws {
        let bench = try await StoreBench(kind)
        let counter = KeptCounter(wears: wears)
        var store = try await bench.open(counter: counter)
        for number in 0..<8 { try await store.put(EntryFamily.fruit["\(number)"], [1]) }
        let copy = try await bench.rows()
        for number in 8..<16 { try await store.put(EntryFamily.fruit["\(number)"], [1]) }
        await store.shutdown()
        // As it was: opens. The first commit of a process is a checkpoint in any case.
        store = try await bench.open(counter: counter)
        try await store.put(EntryFamily.fruit["again"], [1])
        await store.shutdown()
        try await bench.change(set: copy, remove: try await bench.rows().map(\.name))
        let failure = await #expect(throws: StoreFailure.self) { _ = try await bench.open(counter: counter) }
        #expect(failure?.kind == .tampered)
        #expect(failure?.reason.contains("--accept-rollback") == true)
        store = try await bench.open(counter: counter, acceptingRollback: true)
        #expect(await store.wasRolledBack)
        try await store.put(EntryFamily.fruit["after"], [2])
        try await store.settleRollback()
        await store.shutdown()
        store = try await bench.open(counter: counter)
        #expect(await !store.wasRolledBack)
    }

    @Test(arguments: StoreKind.here)
    func `nothing in the database says what is stored`(kind: StoreKind) async throws {
        let bench = try await StoreBench(kind)
        let store = try await bench.open()
        try await store.put(EntryFamily.fruit["a-name-to-find"], Array("a value to find".utf8))
        await store.shutdown()
        var places = try await bench.rows().flatMap { [Data($0.name), Data($0.value)] }
        #expect(places.count == 6)
        if kind == .sqlite {
            for suffix in ["", "-wal"] {
                guard let bytes = FileManager.default.contents(atPath: bench.path + suffix) else { continue }
                places.append(bytes)
                let mode = try FileManager.default.attributesOfItem(atPath: bench.path + suffix)[.posixPermissions]
                #expect(mode as? Int == 0o600)
            }
        }
        for text in ["a-name-to-find", "a value to find", "fruit"] {
            for bytes in places { #expect(bytes.range(of: Data(text.utf8)) == nil) }
        }
    }
}
