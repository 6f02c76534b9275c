import Crypto
import Envelope
import Evidence
import GRDB
import Synchronization
import Verifier
import WireFormat

/// The measurements that signed release documents name (R9).
///
/// The documents are stored as they were signed and checked again at each start, so that a changed database or a
/// release key that is no longer pinned takes its values with it.
final class ReleasedMeasurements: Sendable {
    private let store: BrokerStore
    private let keys: [Curve25519.Signing.PublicKey]
    private let named: NamedReferenceValues
    private let clock: BrokerClock
    private let documents: Mutex<[String: ReleaseDocument]>

    init(
        store: BrokerStore, keys: [Curve25519.Signing.PublicKey], named: NamedReferenceValues, clock: BrokerClock
    ) throws(BrokerError) {
        self.store = store
        self.keys = keys
        self.named = named
        self.clock = clock
        let stored = try BrokerError.wrapping("reading reference values") {
            try store.pool.read { try String.fetchAll($0, sql: "SELECT jws FROM reference_document") }
        }
        var found: [String: ReleaseDocument] = [:]
        for compact in stored {
            // As of when it was issued, so that one that expired is listed as such. One that was rolled back behind what
            // the marks remember counts no more than one that nobody signed.
            guard let parsed = try? Self.parse(compact, keys: keys),
                let projection = try? parsed.projection(now: parsed.document.issuedAt ?? clock.seconds),
                named.project(projection)
            else { continue }
            found[parsed.document.version] = parsed.document
        }
        documents = Mutex(found)
    }

    /// All values of all versions that are published now.
    var values: ReferenceValues {
        let now = clock.seconds
        return documents.withLock { known in
            var all = ReferenceValues.none
            for document in known.values where document.isValid(at: now) { all.formUnion(document.values) }
            return all
        }
    }

    /// The documents' content, for the administrator.
    var json: JSONValue {
        documents.withLock { known in
            .array(known.sorted { $0.key < $1.key }.map(\.value.json))
        }
    }

    /// The released guest that runs, by the version that the registration names where several have its measurement;
    /// nil when there is none.
    func match(_ guest: AttestedGuest, for registration: Registration?) -> ReferenceValue? {
        guard let technology = Technology(rawValue: guest.technology),
            let measurement = try? LaunchMeasurement(hex: guest.measurement)
        else { return nil }
        return values.match(technology, measurement, preferring: registration?.guestVersion)
    }

    /// Takes a signed document in place of an older one of the same version; answers how many values it has.
    ///
    /// - Parameter allowsRollback: Whether it may be the older one, because the administrator says so.
    func install(_ compact: String, allowsRollback: Bool = false) throws(BrokerError) -> Int {
        let parsed: Parsed
        let projection: ReferenceDocument
        do throws(WireError) {
            parsed = try Self.parse(compact, keys: keys)
            guard parsed.document.isValid(at: clock.seconds) else {
                throw WireError(field: "expires", reason: "the document has expired")
            }
            projection = try parsed.projection(now: clock.seconds)
        } catch {
            throw BrokerError(.malformed, check: "reference-values", "\(error.field): \(error.reason)")
        }
        let version = parsed.document.version
        return try documents.withLock { (known) throws(BrokerError) in
            _ = try named.take(projection, allowsRollback: allowsRollback) {
                try $0.execute(
                    sql: "INSERT OR REPLACE INTO reference_document VALUES (?, ?)", arguments: [version, compact])
            }
            known[version] = parsed.document
            return parsed.document.values.values.count
        }
    }

    /// Ends the publication of a version; answers whether there was one. An older document stays refused.
    func remove(_ version: String) throws(BrokerError) -> Bool {
        try documents.withLock { (known) throws(BrokerError) in
            guard known[version] != nil else { return false }
            try named.removeRelease(version) {
                try $0.execute(sql: "DELETE FROM reference_document WHERE version = ?", arguments: [version])
            }
            known[version] = nil
            return true
        }
    }

    /// A document whose signature holds.
    private struct Parsed {
        let document: ReleaseDocument
        let key: Curve25519.Signing.PublicKey
        let digest: String

        func projection(now: Int64) throws(WireError) -> ReferenceDocument {
            try ReferenceReader(origin: "release document", now: now).read(
                release: document, ReferenceSigningKey(key).identifier, digest)
        }
    }

    private static func parse(
        _ compact: String, keys: [Curve25519.Signing.PublicKey]
    ) throws(WireError) -> Parsed {
        for key in keys {
            guard let payload = try? JWS.verify(compact, keys: [.edDSA(key)]).payload else { continue }
            return Parsed(
                document: try ReleaseDocument(parsing: payload), key: key,
                digest: SHA256Digest(hashing: Array(compact.utf8)).hex)
        }
        throw WireError(field: "signature", reason: "the document is not signed by a pinned release key")
    }
}
