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
    private let documents: Mutex<[String: ReferenceValues]>

    init(store: BrokerStore, keys: [Curve25519.Signing.PublicKey]) throws(BrokerError) {
        self.store = store
        self.keys = keys
        let stored = try BrokerError.wrapping("reading reference values") {
            try store.pool.read { try String.fetchAll($0, sql: "SELECT jws FROM reference_document") }
        }
        var found: [String: ReferenceValues] = [:]
        for document in stored {
            guard let (version, values) = try? Self.parse(document, keys: keys) else { continue }
            found[version] = values
        }
        documents = Mutex(found)
    }

    /// All values of all versions.
    var values: ReferenceValues {
        documents.withLock { known in
            var all = ReferenceValues.none
            for values in known.values { all.formUnion(values) }
            return all
        }
    }

    /// The documents' content, for the administrator.
    var json: JSONValue {
        documents.withLock { known in
            .array(known.keys.sorted().map { known[$0]?.document(version: $0) ?? .null })
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

    /// Takes a signed document in place of the former one of the same version; answers how many values it has.
    func install(_ compact: String) throws(BrokerError) -> Int {
        let parsed: (version: String, values: ReferenceValues)
        do {
            parsed = try Self.parse(compact, keys: keys)
        } catch {
            throw BrokerError(.malformed, check: "reference-values", "\(error.field): \(error.reason)")
        }
        try BrokerError.wrapping("storing reference values") {
            try store.pool.write {
                try $0.execute(
                    sql: "INSERT OR REPLACE INTO reference_document VALUES (?, ?)",
                    arguments: [parsed.version, compact])
            }
        }
        documents.withLock { $0[parsed.version] = parsed.values }
        return parsed.values.values.count
    }

    private static func parse(
        _ compact: String, keys: [Curve25519.Signing.PublicKey]
    ) throws(WireError) -> (version: String, values: ReferenceValues) {
        let payload: JSONValue
        do {
            payload = try JWS.verify(compact, keys: keys.map { .edDSA($0) }).payload
        } catch {
            throw WireError(field: "signature", reason: "the document is not signed by a pinned release key")
        }
        let values = try ReferenceValues(document: payload)
        return (payload["version"]?.stringValue ?? "", values)
    }
}
