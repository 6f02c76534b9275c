import Envelope
import Foundation
import GRDB
import Synchronization
import Verifier
import WireFormat

/// The broker's reference values by name: in memory for lookups, sealed in the database for restarts.
///
/// What a release document of the guest publishes is in memory only; ``ReleasedMeasurements`` puts it there from the
/// document itself, so that a release key that is no longer pinned takes its values with it.
final class NamedReferenceValues: Sendable {
    /// The keys whose signatures count.
    let keys: [ReferenceSigningKey]
    private let store: BrokerStore
    private let clock: BrokerClock
    private let known: Mutex<ReferenceValueStore>

    init(store: BrokerStore, keys: [ReferenceSigningKey], clock: BrokerClock) throws(BrokerError) {
        self.store = store
        self.keys = keys
        self.clock = clock
        let stored = try BrokerError.wrapping("reading reference values") {
            let rows = try store.referenceRows()
            return try ReferenceValueStore(entries: rows.values, marks: rows.issues, keys: keys)
        }
        known = Mutex(stored)
    }

    /// All values, also those that do not hold now.
    var all: [ReferenceValueEntry] { known.withLock(\.all) }

    /// What is known by a name now.
    func answer(_ name: String) -> ReferenceAnswer {
        let now = clock.seconds
        return known.withLock { $0.answer(name, at: now) }
    }

    /// The values as policies see them.
    var source: CurrentReferenceValues {
        CurrentReferenceValues({ self.known.withLock { $0 } }, clock: { self.clock.seconds })
    }

    /// Takes a document: database and memory change together or not at all.
    ///
    /// - Parameter alongside: What else belongs to the same transaction.
    func take(
        _ document: ReferenceDocument, allowsRollback: Bool = false,
        alongside: (Database) throws -> Void = { _ in }
    ) throws(BrokerError) -> ReferenceChange {
        try known.withLock { (known) throws(BrokerError) in
            var changed = known
            let change: ReferenceChange
            do throws(WireError) {
                change = try changed.take(document, allowsRollback: allowsRollback)
            } catch {
                throw BrokerError(.conflict, check: "reference-values", "\(error.field): \(error.reason)")
            }
            try store.putReferenceRows(change.touched, of: changed, marks: document.marks, alongside)
            known = changed
            return change
        }
    }

    /// Puts the values of a release document that is stored already into memory; answers whether they may be there, which
    /// an older document than one that was seen may not.
    func project(_ document: ReferenceDocument) -> Bool {
        known.withLock { (try? $0.take(document)) != nil }
    }

    /// Forgets a name; answers whether it was known.
    func remove(_ name: String) throws(BrokerError) -> Bool {
        try known.withLock { (known) throws(BrokerError) in
            if let release = known.all.first(where: { $0.name == name && $0.provenance.isRelease }) {
                throw BrokerError(
                    .conflict, check: "reference-values",
                    "the release document \(release.provenance.source) states it; remove the document")
            }
            var changed = known
            guard changed.remove(name) else { return false }
            try store.putReferenceRows([name], of: changed, marks: []) { _ in }
            known = changed
            return true
        }
    }

    /// Forgets what a release document published.
    func removeRelease(_ version: String, alongside: (Database) throws -> Void) throws(BrokerError) {
        try known.withLock { (known) throws(BrokerError) in
            var changed = known
            var touched: Set<String> = []
            for key in keys {
                let change = changed.remove(source: ReferenceReader.source(ofGuest: version), signer: key.identifier)
                touched.formUnion(change.touched)
            }
            try store.putReferenceRows(touched, of: changed, marks: [], alongside)
            known = changed
        }
    }
}

extension BrokerStore {
    /// The stored values and issues as JSON.
    func referenceRows() throws -> (values: [JSONValue], issues: [JSONValue]) {
        try pool.read { database in
            var (values, issues): ([JSONValue], [JSONValue]) = ([], [])
            for row in try Row.fetchAll(database, sql: "SELECT * FROM reference_value ORDER BY name") {
                values += try open(row, "reference-value").arrayValue ?? []
            }
            for row in try Row.fetchAll(database, sql: "SELECT * FROM reference_issue ORDER BY name") {
                issues.append(try open(row, "reference-issue"))
            }
            return (values, issues)
        }
    }

    /// Writes the rows of some names and issues in one transaction.
    func putReferenceRows(
        _ names: Set<String>, of values: ReferenceValueStore, marks: [ReferenceMark],
        _ alongside: (Database) throws -> Void
    ) throws(BrokerError) {
        try BrokerError.wrapping("storing reference values") {
            try pool.write { database in
                for name in names.sorted() {
                    let entries = values.rows(of: name)
                    if entries.isEmpty {
                        try database.execute(sql: "DELETE FROM reference_value WHERE name = ?", arguments: [name])
                    } else {
                        try put(.array(entries), "reference-value", "reference_value", name, database)
                    }
                }
                for mark in marks { try put(mark.json, "reference-issue", "reference_issue", mark.key, database) }
                try alongside(database)
            }
        }
    }

    private func put(
        _ value: JSONValue, _ kind: String, _ table: String, _ name: String, _ database: Database
    ) throws {
        let version = try Self.nextVersion(database)
        let sealed = try sealer.seal(value.canonicalBytes, context: "\(kind)\n\(name)\n\(version)")
        try database.execute(
            sql: "INSERT OR REPLACE INTO \(table) VALUES (?, ?, ?)", arguments: [name, version, Data(sealed)])
    }

    private func open(_ row: Row, _ kind: String) throws -> JSONValue {
        let (name, version, sealed): (String, Int64, Data) = (row["name"], row["version"], row["sealed"])
        return try JSONValue.parse(try sealer.open(Array(sealed), context: "\(kind)\n\(name)\n\(version)"))
    }
}
