import Foundation
import GRDB

/// The broker's lasting state in one SQLite file: every value sealed, every change one durable transaction.
///
/// Write-ahead log with `synchronous = FULL`: a transaction that was answered survives `kill -9` and power loss, and
/// one that was not leaves no trace. Names of resources and digests are plain; contents are not.
public final class BrokerStore: Sendable {
    let pool: DatabasePool
    let sealer: RowSealer

    /// Opens or creates the database at `path`.
    public init(path: String, sealer: RowSealer) throws(BrokerError) {
        self.sealer = sealer
        // The file exists with its mode before SQLite opens it, so that its side files inherit 0600.
        if !FileManager.default.fileExists(atPath: path) {
            try PrivateFile.write([], to: path)
        }
        self.pool = try BrokerError.wrapping("opening the database \(path)") {
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            configuration.foreignKeysEnabled = true
            let pool = try DatabasePool(path: path, configuration: configuration)
            // DatabasePool sets NORMAL when it switches to the log; the single writer connection is set back here.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            return pool
        }
        try BrokerError.wrapping("migrating the database") { try Self.migrator.migrate(self.pool) }
        try checkRootKey()
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("first") { database in
            try database.execute(
                sql: """
                    CREATE TABLE revision (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL);
                    INSERT INTO revision VALUES (1, 0);
                    CREATE TABLE setting (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
                    CREATE TABLE resource (
                        path TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
                    CREATE TABLE registration (
                        digest TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
                    CREATE TABLE reference_document (version TEXT PRIMARY KEY, jws TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE consumed_nonce (
                        nonce BLOB PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE TABLE instance_epoch (
                        instance TEXT NOT NULL, epoch INTEGER NOT NULL, digest TEXT NOT NULL, time INTEGER NOT NULL,
                        PRIMARY KEY (instance, epoch)) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("log keys") { database in
            try database.execute(
                sql: """
                    CREATE TABLE log_key (
                        instance TEXT PRIMARY KEY, digest TEXT NOT NULL, log_key TEXT NOT NULL,
                        time INTEGER NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("reference values by name") { database in
            try database.execute(
                sql: """
                    CREATE TABLE reference_value (
                        name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
                    CREATE TABLE reference_issue (
                        name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    /// Advances the counter that gives each sealed row a version of its own.
    static func nextVersion(_ database: Database) throws -> Int64 {
        try database.execute(sql: "UPDATE revision SET value = value + 1 WHERE id = 1")
        guard let value = try Int64.fetchOne(database, sql: "SELECT value FROM revision WHERE id = 1") else {
            throw BrokerError(.failed, check: "storage", "the database has no revision counter")
        }
        return value
    }

    /// Reads a sealed setting; nil when it was never written.
    func setting(_ name: String) throws(BrokerError) -> [UInt8]? {
        let sealed = try BrokerError.wrapping("reading a setting") {
            try pool.read { try Data.fetchOne($0, sql: "SELECT sealed FROM setting WHERE name = ?", arguments: [name]) }
        }
        guard let sealed else { return nil }
        return try sealer.open(Array(sealed), context: "setting\n\(name)")
    }

    /// Writes a setting unless it exists, and answers the one that then exists.
    func createSetting(_ name: String, _ value: [UInt8]) throws(BrokerError) -> [UInt8] {
        let sealed = Data(try sealer.seal(value, context: "setting\n\(name)"))
        try BrokerError.wrapping("writing a setting") {
            try pool.write {
                try $0.execute(sql: "INSERT OR IGNORE INTO setting VALUES (?, ?)", arguments: [name, sealed])
            }
        }
        return try setting(name) ?? value
    }

    /// Refuses to run with another root key than the one that the database was made with.
    private func checkRootKey() throws(BrokerError) {
        let mark = Array("testudo".utf8)
        guard try createSetting("root-key-check", mark) == mark else {
            throw BrokerError(.failed, check: "root-key", "the database belongs to another root key")
        }
    }
}
