import Envelope
import Foundation
import GRDB

extension BrokerStore {
    /// One line of the list of resources.
    struct ResourceEntry: Sendable, Equatable {
        var path: String
        var version: Int64
    }

    /// Stores `secret` under `path`, replacing what was there.
    func putResource(_ path: ResourcePath, _ secret: SecretBytes) throws(BrokerError) {
        try BrokerError.wrapping("storing a resource") {
            try pool.write { database in
                let version = try Self.nextVersion(database)
                let sealed = try sealer.seal(secret.copyBytes(), context: Self.context(path.description, version))
                try database.execute(
                    sql: "INSERT OR REPLACE INTO resource VALUES (?, ?, ?)",
                    arguments: [path.description, version, Data(sealed)])
            }
        }
    }

    /// Stores `secret` under `path` only when there is nothing yet; answers whether it did.
    func createResource(_ path: ResourcePath, _ secret: SecretBytes) throws(BrokerError) -> Bool {
        try BrokerError.wrapping("storing a resource") {
            try pool.write { database in
                let version = try Self.nextVersion(database)
                let sealed = try sealer.seal(secret.copyBytes(), context: Self.context(path.description, version))
                try database.execute(
                    sql: "INSERT OR IGNORE INTO resource VALUES (?, ?, ?)",
                    arguments: [path.description, version, Data(sealed)])
                return database.changesCount == 1
            }
        }
    }

    /// Opens the secret under `path`; nil when there is none.
    func resource(_ path: ResourcePath) throws(BrokerError) -> SecretBytes? {
        let row = try BrokerError.wrapping("reading a resource") {
            try pool.read { database -> (Int64, Data)? in
                let row = try Row.fetchOne(
                    database, sql: "SELECT version, sealed FROM resource WHERE path = ?",
                    arguments: [path.description])
                return row.map { ($0["version"], $0["sealed"]) }
            }
        }
        guard let (version, sealed) = row else { return nil }
        return SecretBytes(try sealer.open(Array(sealed), context: Self.context(path.description, version)))
    }

    /// Removes the secret under `path`; answers whether there was one.
    func deleteResource(_ path: ResourcePath) throws(BrokerError) -> Bool {
        try BrokerError.wrapping("deleting a resource") {
            try pool.write { database in
                try database.execute(sql: "DELETE FROM resource WHERE path = ?", arguments: [path.description])
                return database.changesCount == 1
            }
        }
    }

    /// Lists the paths and versions of all resources, sorted by path.
    func resources() throws(BrokerError) -> [ResourceEntry] {
        try BrokerError.wrapping("listing resources") {
            try pool.read { database in
                try Row.fetchAll(database, sql: "SELECT path, version FROM resource ORDER BY path").map {
                    ResourceEntry(path: $0["path"], version: $0["version"])
                }
            }
        }
    }

    private static func context(_ path: String, _ version: Int64) -> String { "resource\n\(path)\n\(version)" }
}
