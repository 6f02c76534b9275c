import Crypto
import Envelope
import Foundation
import SealedStorage
import Synchronization
import Verifier
import WireFormat

extension EntryFamily {
    /// Reference values that administrators and documents stated, by name.
    static let referenceValue = EntryFamily(rawValue: "reference-value")
    /// What was seen of each issuer's documents, so that an older one is refused.
    static let referenceMark = EntryFamily(rawValue: "reference-issue")
    /// Release documents of the guest as they were signed, by version.
    static let release = EntryFamily(rawValue: "release")
}

/// All reference values at one moment: those that are stored, and those of the release documents.
///
/// Release documents are stored as they were signed and checked again each time, so that a changed database or a release key
/// that is no longer pinned takes its values with it.
struct ReferenceSnapshot: Sendable {
    /// The values by name.
    var values: ReferenceValueStore
    /// The release documents by version.
    var documents: [String: ReleaseDocument]

    /// Reads what is stored.
    init(
        values rows: [StoredEntry], marks: [StoredEntry], releases: [StoredEntry], keys: [ReferenceSigningKey],
        releaseKeys: [Curve25519.Signing.PublicKey], now: Int64
    ) throws(BrokerError) {
        do {
            var entries: [JSONValue] = []
            for row in rows { entries += try JSONValue.parse(row.value).arrayValue ?? [] }
            values = try ReferenceValueStore(
                entries: entries, marks: try marks.map { try JSONValue.parse($0.value) }, keys: keys)
        } catch {
            throw BrokerError(.failed, check: "storage", "the stored reference values cannot be read")
        }
        documents = [:]
        for release in releases {
            // As of when it was issued, so that one that expired is listed as such. One that was rolled back behind what
            // the marks remember counts no more than one that nobody signed.
            guard let signed = try? SignedRelease(String(decoding: release.value, as: UTF8.self), keys: releaseKeys),
                let projection = try? signed.projection(now: signed.document.issuedAt ?? now),
                (try? values.take(projection)) != nil
            else { continue }
            documents[signed.document.version] = signed.document
        }
    }
}

/// The broker's reference values by name: in memory for lookups, sealed in the store.
final class NamedReferenceValues: Sendable {
    /// The keys whose signatures count.
    let keys: [ReferenceSigningKey]
    let releaseKeys: [Curve25519.Signing.PublicKey]
    private let store: BrokerStore
    private let clock: BrokerClock
    private let known: Mutex<(snapshot: ReferenceSnapshot, revision: UInt64)>

    private static let families: [EntryFamily] = [.referenceValue, .referenceMark, .release]

    init(
        store: BrokerStore, keys: [ReferenceSigningKey], releaseKeys: [Curve25519.Signing.PublicKey], clock: BrokerClock
    ) async throws(BrokerError) {
        self.store = store
        self.keys = keys
        self.releaseKeys = releaseKeys
        self.clock = clock
        known = Mutex(
            (
                try ReferenceSnapshot(
                    values: [], marks: [], releases: [], keys: keys, releaseKeys: releaseKeys, now: clock.seconds), 0
            ))
        try await reload()
    }

    /// Takes in what the store holds, which another replica may have changed.
    func reload() async throws(BrokerError) {
        try await change { (_, _) throws(BrokerError) in }
    }

    /// What is known at this moment.
    var snapshot: ReferenceSnapshot { known.withLock(\.snapshot) }

    /// All values, also those that do not hold now.
    var all: [ReferenceValueEntry] { snapshot.values.all }

    /// What is known by a name now.
    func answer(_ name: String) -> ReferenceAnswer {
        let now = clock.seconds
        return known.withLock { $0.snapshot.values.answer(name, at: now) }
    }

    /// The values as policies see them.
    var source: CurrentReferenceValues {
        CurrentReferenceValues({ self.snapshot.values }, clock: { self.clock.seconds })
    }

    /// Takes a document.
    ///
    /// - Parameter alongside: What else belongs to the same transaction.
    @discardableResult
    func take(
        _ document: ReferenceDocument, allowsRollback: Bool = false,
        alongside: @escaping @Sendable (inout StoreTransaction) -> Void = { _ in }
    ) async throws(BrokerError) -> ReferenceChange {
        try await change { (snapshot, transaction) throws(BrokerError) in
            let change: ReferenceChange
            do throws(WireError) {
                change = try snapshot.values.take(document, allowsRollback: allowsRollback)
            } catch {
                throw BrokerError(.conflict, check: "reference-values", "\(error.field): \(error.reason)")
            }
            Self.put(change.touched, of: snapshot.values, in: &transaction)
            for mark in document.marks {
                transaction.put(EntryFamily.referenceMark[mark.key], mark.json.canonicalBytes)
            }
            alongside(&transaction)
            return change
        }
    }

    /// Forgets a name; answers whether it was known.
    func remove(_ name: String) async throws(BrokerError) -> Bool {
        try await change { (snapshot, transaction) throws(BrokerError) in
            if let release = snapshot.values.all.first(where: { $0.name == name && $0.provenance.isRelease }) {
                throw BrokerError(
                    .conflict, check: "reference-values",
                    "the release document \(release.provenance.source) states it; remove the document")
            }
            guard snapshot.values.remove(name) else { return false }
            Self.put([name], of: snapshot.values, in: &transaction)
            return true
        }
    }

    /// Forgets a release document and what it published; answers whether there was one. An older document stays refused.
    func removeRelease(_ version: String) async throws(BrokerError) -> Bool {
        try await change { [keys] (snapshot, transaction) throws(BrokerError) in
            guard snapshot.documents[version] != nil else { return false }
            var touched: Set<String> = []
            for key in keys {
                let change = snapshot.values.remove(
                    source: ReferenceReader.source(ofGuest: version), signer: key.identifier)
                touched.formUnion(change.touched)
            }
            Self.put(touched, of: snapshot.values, in: &transaction)
            transaction.remove(EntryFamily.release[version])
            return true
        }
    }

    /// Changes what is stored in one transaction, and then what is in memory.
    private func change<R: Sendable>(
        _ body: @escaping @Sendable (inout ReferenceSnapshot, inout StoreTransaction) throws(BrokerError) -> R
    ) async throws(BrokerError) -> R {
        let now = clock.seconds
        let (result, revision) = try await store.transact([], listing: Self.families) {
            [keys, releaseKeys] (transaction) throws(BrokerError) in
            var snapshot = try Self.snapshot(transaction, keys, releaseKeys, now)
            return (try body(&snapshot, &transaction), transaction.revision)
        }
        // What this transaction wrote is read again from the store, with what others wrote since.
        let present = try await store.transact([], listing: Self.families) {
            [keys, releaseKeys] (transaction) throws(BrokerError) in
            (try Self.snapshot(transaction, keys, releaseKeys, now), max(transaction.revision, revision))
        }
        known.withLock { if present.1 >= $0.revision { $0 = (present.0, present.1) } }
        return result
    }

    private static func snapshot(
        _ transaction: StoreTransaction, _ keys: [ReferenceSigningKey],
        _ releaseKeys: [Curve25519.Signing.PublicKey], _ now: Int64
    ) throws(BrokerError) -> ReferenceSnapshot {
        try ReferenceSnapshot(
            values: transaction.entries(.referenceValue), marks: transaction.entries(.referenceMark),
            releases: transaction.entries(.release), keys: keys, releaseKeys: releaseKeys, now: now)
    }

    private static func put(
        _ names: Set<String>, of values: ReferenceValueStore, in transaction: inout StoreTransaction
    ) {
        for name in names.sorted() {
            let rows = values.rows(of: name)
            if rows.isEmpty {
                transaction.remove(EntryFamily.referenceValue[name])
            } else {
                transaction.put(EntryFamily.referenceValue[name], JSONValue.array(rows).canonicalBytes)
            }
        }
    }
}
