import Foundation
import GRDB
import WireFormat

extension BrokerStore {
    /// Stores a registration, replacing an older one of the same digest.
    func putRegistration(_ registration: Registration) throws(BrokerError) {
        try BrokerError.wrapping("storing a registration") {
            try pool.write { try write(registration, to: $0) }
        }
    }

    /// The registration of a digest, whatever its state.
    func registration(_ digest: String) throws(BrokerError) -> Registration? {
        try BrokerError.wrapping("reading a registration") {
            try pool.read { try registration(digest, in: $0) }
        }
    }

    /// Retires a manifest; answers false when it was never registered.
    func retireRegistration(_ digest: String) throws(BrokerError) -> Bool {
        try BrokerError.wrapping("retiring a registration") {
            try pool.write { database in
                guard var found = try registration(digest, in: database) else { return false }
                found.state = .retired
                try write(found, to: database)
                return true
            }
        }
    }

    /// All registrations, sorted by digest.
    func registrations() throws(BrokerError) -> [Registration] {
        try BrokerError.wrapping("listing registrations") {
            try pool.read { database in
                try Row.fetchAll(database, sql: "SELECT * FROM registration ORDER BY digest").map(decode)
            }
        }
    }

    func registration(_ digest: String, in database: Database) throws -> Registration? {
        try Row.fetchOne(database, sql: "SELECT * FROM registration WHERE digest = ?", arguments: [digest])
            .map(decode)
    }

    private func write(_ registration: Registration, to database: Database) throws {
        let version = try Self.nextVersion(database)
        let sealed = try sealer.seal(
            registration.json.canonicalBytes, context: Self.context(registration.digest, version))
        try database.execute(
            sql: "INSERT OR REPLACE INTO registration VALUES (?, ?, ?)",
            arguments: [registration.digest, version, Data(sealed)])
    }

    private func decode(_ row: Row) throws -> Registration {
        let digest: String = row["digest"]
        let version: Int64 = row["version"]
        let sealed: Data = row["sealed"]
        let body = try sealer.open(Array(sealed), context: Self.context(digest, version))
        return try Registration(digest: digest, body: try JSONValue.parse(body), now: 0, stored: true)
    }

    private static func context(_ digest: String, _ version: Int64) -> String {
        "registration\n\(digest)\n\(version)"
    }
}
