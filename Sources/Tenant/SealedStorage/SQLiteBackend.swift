import Foundation
import GRDB

/// The store in one SQLite file, for one machine.
///
/// Write-ahead log with `synchronous = FULL`: what was answered survives `kill -9` and power loss. Several processes may have the
/// file open.
public final class SQLiteBackend: StoreBackend {
    /// What errors call it.
    public let kind = "SQLite"
    /// The most changes of one commit.
    public let changesLimit = 4096
    /// The most bytes of one commit.
    public let bytesLimit = 64 << 20
    /// The most bytes of one blob.
    public let blobLimit = 32 << 20

    private let pool: DatabasePool
    /// Answers looks at single entries, which block their thread: less than a change of threads costs. No task that waits for a
    /// thread ever holds this connection, as it may one of the pool's.
    private let lookups: DatabaseQueue
    private let path: String

    /// Opens or creates the database at `path`, readable by its owner only.
    public init(path: String) throws(StoreFailure) {
        self.path = path
        do {
            // The file exists with its mode before SQLite opens it, so that its side files inherit 0600.
            let made = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard made >= 0 else {
                throw StoreFailure(.unreachable, "\(path) cannot be opened: \(String(cString: strerror(errno)))")
            }
            close(made)
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            let pool = try DatabasePool(path: path, configuration: configuration)
            // DatabasePool sets NORMAL when it switches to the log; the single writer connection is set back here.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try pool.write { database in
                try database.execute(
                    sql: """
                        CREATE TABLE IF NOT EXISTS entry (
                            name BLOB PRIMARY KEY, blob BLOB NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID;
                        CREATE INDEX IF NOT EXISTS entry_position ON entry (position);
                        """)
            }
            self.pool = pool
            configuration.readonly = true
            lookups = try DatabaseQueue(path: path, configuration: configuration)
        } catch {
            throw Self.failure(error, "opening \(path)")
        }
    }

    /// What was written after a position, as of one moment.
    public func changes(after position: UInt64) async throws(StoreFailure) -> StoreChanges {
        try await attempt("reading changes") { pool in
            // Mostly there are none.
            let seen = try looking(isSingle: true) { try Self.newest($0) }
            guard seen > Int64(clamping: position) else {
                return StoreChanges(position: try Self.position(seen), sightings: [])
            }
            return try await pool.read { database in
                let newest = try Self.newest(database)
                var sightings: [StoreChanges.Sighting] = []
                let rows = try Row.fetchCursor(
                    database, sql: "SELECT name, blob FROM entry WHERE position > ?",
                    arguments: [Int64(clamping: position)])
                while let row = try rows.next() {
                    sightings.append(try Self.sighting(row))
                }
                return StoreChanges(position: try Self.position(newest), sightings: sightings)
            }
        }
    }

    /// The position of the newest commit; 0 while there is none.
    private static func newest(_ database: Database) throws -> Int64 {
        let statement = try database.cachedStatement(sql: "SELECT max(position) FROM entry")
        return try Int64.fetchOne(statement) ?? 0
    }

    /// A position as it lies in the file, where anybody may have written another.
    private static func position(_ number: Int64) throws(StoreFailure) -> UInt64 {
        guard let position = UInt64(exactly: number) else {
            throw StoreFailure(.tampered, "the database holds a commit with a negative number")
        }
        return position
    }

    private static func sighting(_ row: Row) throws(StoreFailure) -> StoreChanges.Sighting {
        guard let name = row["name"] as? Data, let blob = row["blob"] as? Data else {
            throw StoreFailure(.tampered, "the database holds an entry that is no entry")
        }
        return StoreChanges.Sighting(name: Array(name), blob: Array(blob))
    }

    /// The blobs of those names that exist.
    public func read(_ names: [[UInt8]]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        try await attempt("reading") { _ in
            try looking(isSingle: names.count == 1) { database in
                let statement = try database.cachedStatement(sql: "SELECT blob FROM entry WHERE name = ?")
                var found: [[UInt8]: [UInt8]] = [:]
                for name in names {
                    if let blob = try Data.fetchOne(statement, arguments: [Data(name)]) { found[name] = Array(blob) }
                }
                return found
            }
        }
    }

    /// All that starts with a prefix, as of one moment.
    public func read(prefix: [UInt8]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        try await attempt("listing") { pool in
            try await pool.read { database in
                var found: [[UInt8]: [UInt8]] = [:]
                let rows = try Row.fetchCursor(
                    database, sql: "SELECT name, blob FROM entry WHERE name >= ? AND name < ?",
                    arguments: [Data(prefix), Data(prefix + [UInt8](repeating: 255, count: 32))])
                while let row = try rows.next() {
                    let name: Data = row["name"]
                    let blob: Data = row["blob"]
                    found[Array(name)] = Array(blob)
                }
                return found
            }
        }
    }

    /// Writes all or nothing where the commit at the position is the newest.
    public func commit(_ changes: [StoreChange], at position: UInt64) async throws(StoreFailure) -> UInt64? {
        try await attempt("writing") { pool in
            try await pool.write { database in
                let newest = try Self.newest(database)
                guard newest == Int64(clamping: position), newest < .max else { return nil }
                let put = try database.cachedStatement(sql: "INSERT OR REPLACE INTO entry VALUES (?, ?, ?)")
                let remove = try database.cachedStatement(sql: "DELETE FROM entry WHERE name = ?")
                for change in changes {
                    if let blob = change.blob {
                        try put.execute(arguments: [Data(change.name), Data(blob), newest + 1])
                    } else {
                        try remove.execute(arguments: [Data(change.name)])
                    }
                }
                return try Self.position(newest + 1)
            }
        }
    }

    /// Ends its connections.
    public func shutdown() async {
        try? lookups.close()
        // Who copies the file of a broker that has ended has all of it.
        _ = try? await pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        try? pool.close()
    }

    /// - Parameter isSingle: Whether it is one statement, which needs no transaction to be of one moment.
    private func looking<R>(isSingle: Bool, _ body: (Database) throws -> R) throws -> R {
        try isSingle ? lookups.unsafeRead(body) : lookups.read(body)
    }

    private func attempt<R: Sendable>(
        _ what: String, _ body: (DatabasePool) async throws -> R
    ) async throws(StoreFailure) -> R {
        do {
            return try await body(pool)
        } catch {
            throw Self.failure(error, "\(what) in \(path)")
        }
    }

    private static func failure(_ error: any Error, _ what: String) -> StoreFailure {
        if let error = error as? StoreFailure { return error }
        guard let error = error as? DatabaseError else { return StoreFailure(.failed, "\(what) failed") }
        switch error.resultCode {
        case .SQLITE_FULL: return StoreFailure(.full, "\(what) failed: the disk is full; make room and try again")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return StoreFailure(.unreachable, "\(what) failed: another process holds the database; try again")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return StoreFailure(.tampered, "\(what) failed: the file is damaged; restore it from a backup")
        case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
            return StoreFailure(.unreachable, "\(what) failed: the file or its folder cannot be written")
        default: return StoreFailure(.failed, "\(what) failed: SQLite error \(error.resultCode.rawValue)")
        }
    }
}
