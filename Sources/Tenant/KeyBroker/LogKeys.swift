import GRDB
import WireFormat

/// Which log seal belongs to which attested guest (rule R22): what `testudo logs` compares records with, since the node
/// that keeps them knows the key that they are sealed to.
extension BrokerStore {
    /// Entries in one answer: the newest count, since a node keeps the newest records.
    private static var listed: Int { 2000 }

    /// Records the log key of accepted evidence. An instance has one seal for its life.
    static func vouch(_ guest: AttestedGuest, now: Int64, in database: Database) throws {
        guard !guest.logKey.isEmpty else { return }
        let known = try String.fetchOne(
            database, sql: "SELECT log_key FROM log_key WHERE instance = ?", arguments: [guest.instance])
        if let known {
            guard known == guest.logKey else {
                throw BrokerError(.policyDenied, check: "log-key", "the instance has another log key")
            }
            return
        }
        try database.execute(
            sql: "INSERT INTO log_key VALUES (?, ?, ?, ?)",
            arguments: [guest.instance, guest.manifest, guest.logKey, now])
    }

    /// The log keys of guests with these manifests, newest first.
    func logKeys(manifests: Set<String>) throws(BrokerError) -> [JSONValue] {
        try BrokerError.wrapping("listing log keys") {
            try pool.read { database in
                let marks = databaseQuestionMarks(count: manifests.count)
                return try Row.fetchAll(
                    database,
                    sql: "SELECT * FROM log_key WHERE digest IN (\(marks)) ORDER BY time DESC LIMIT \(Self.listed)",
                    arguments: StatementArguments(manifests)
                ).map { row in
                    .object([
                        "instance": .string(row["instance"]), "manifest": .string(row["digest"]),
                        "logKey": .string(row["log_key"]), "time": .integer(row["time"]),
                    ])
                }
            }
        }
    }
}

extension KeyBroker {
    /// The log keys of a Service, `namespace/name`, under all its manifests, retired ones included.
    func logKeys(_ service: String) throws(BrokerError) -> JSONValue {
        let manifests = try store.registrations().filter { "\($0.namespace)/\($0.name)" == service }.map(\.digest)
        return .array(try store.logKeys(manifests: Set(manifests)))
    }
}
