import Foundation
import GRDB
import Testing

@testable import SealedStorage

/// Whoever runs the database changes it under the store (rule R14).
@Suite("Hostile database")
struct HostileDatabaseTests {
    /// What the attacker does to the rows of three entries.
    enum Attack: String, CaseIterable {
        case flip, swap, remove, add, restoreOne, restoreAll, removeAll, restoreHead
    }

    @Test(arguments: Attack.allCases)
    func `a changed database is refused at once and at the next start`(attack: Attack) async throws {
        let bench = try StoreBench()
        let store = try await bench.open()
        for name in ["a", "b", "c"] { try await store.put(EntryFamily.fruit[name], Array(name.utf8)) }
        let database = try DatabasePool(path: bench.path)
        let old = try await database.read {
            try Row.fetchAll($0, sql: "SELECT * FROM entry").map(Self.values)
        }
        try await store.put(EntryFamily.fruit["a"], Array("newer".utf8))
        let marks = await store.index
        let name = await store.keyring.storedName(EntryFamily.fruit["a"])
        let other = await store.keyring.storedName(EntryFamily.fruit["b"])
        try await database.write { database in
            switch attack {
            case .flip:
                try database.execute(
                    sql:
                        "UPDATE entry SET blob = CAST(substr(blob, 1, length(blob) - 1) || x'00' AS BLOB) WHERE name = ?",
                    arguments: [Data(name)])
            case .swap:
                try database.execute(
                    sql: "UPDATE entry SET blob = (SELECT blob FROM entry WHERE name = ?) WHERE name = ?",
                    arguments: [Data(other), Data(name)])
            case .remove: try database.execute(sql: "DELETE FROM entry WHERE name = ?", arguments: [Data(name)])
            case .add:
                try database.execute(
                    sql: """
                        INSERT INTO entry SELECT CAST(substr(name, 1, 32) || x'00' AS BLOB), blob, position FROM entry
                        WHERE name = ?
                        """,
                    arguments: [Data(name)])
            case .restoreOne: try Self.restore(old.filter { $0.name == Data(name) }, in: database)
            case .restoreHead: try Self.restore(old.filter { $0.name == Data(StoredName.head) }, in: database)
            case .restoreAll:
                try database.execute(sql: "DELETE FROM entry")
                try Self.restore(old, in: database)
            case .removeAll: try database.execute(sql: "DELETE FROM entry")
            }
        }
        #expect(marks.count == 3)
        // A process that knows better writes the true head again with its next commit; a new one has nothing else to go by.
        guard attack != .restoreHead else {
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

    @Test(arguments: [false, true])
    func `a store that was put back as a whole is found by its counter`(wears: Bool) async throws {
        let bench = try StoreBench()
        let counter = KeptCounter(wears: wears)
        var store = try await bench.open(counter: counter)
        for number in 0..<8 { try await store.put(EntryFamily.fruit["\(number)"], [1]) }
        let copy = bench.folder + "/copy.sqlite"
        let database = try DatabasePool(path: bench.path)
        try await database.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [copy]) }
        for number in 8..<16 { try await store.put(EntryFamily.fruit["\(number)"], [1]) }
        await store.shutdown()
        try database.close()
        // As it was: opens. The first commit of a process is a checkpoint in any case.
        store = try await bench.open(counter: counter)
        try await store.put(EntryFamily.fruit["again"], [1])
        await store.shutdown()
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: bench.path + suffix) }
        try FileManager.default.copyItem(atPath: copy, toPath: bench.path)
        let failure = await #expect(throws: StoreFailure.self) { _ = try await bench.open(counter: counter) }
        #expect(failure?.kind == .tampered)
        #expect(failure?.reason.contains("--accept-rollback") == true)
        store = try await bench.open(counter: counter, acceptingRollback: true)
        #expect(await store.wasRolledBack)
        try await store.put(EntryFamily.fruit["after"], [2])
        await store.shutdown()
        store = try await bench.open(counter: counter)
        #expect(await !store.wasRolledBack)
    }

    @Test func `nothing in the file says what is stored`() async throws {
        let bench = try StoreBench()
        let store = try await bench.open()
        try await store.put(EntryFamily.fruit["a-name-to-find"], Array("a value to find".utf8))
        await store.shutdown()
        for suffix in ["", "-wal"] {
            guard let bytes = FileManager.default.contents(atPath: bench.path + suffix) else { continue }
            for text in ["a-name-to-find", "a value to find", "fruit"] {
                #expect(bytes.range(of: Data(text.utf8)) == nil)
            }
            let mode = try FileManager.default.attributesOfItem(atPath: bench.path + suffix)[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
    }

    private struct Values: Sendable {
        let name: Data
        let blob: Data
        let position: Int64
    }

    private static func values(_ row: Row) -> Values {
        Values(name: row["name"], blob: row["blob"], position: row["position"])
    }

    private static func restore(_ rows: [Values], in database: Database) throws {
        for row in rows {
            try database.execute(
                sql: "INSERT OR REPLACE INTO entry VALUES (?, ?, ?)", arguments: [row.name, row.blob, row.position])
        }
    }
}
