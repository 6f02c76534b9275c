import Crypto
import Envelope
import Evidence
import SealedStorage
import Verifier
import WireFormat

/// A release document of the guest whose signature by a pinned key holds (R9).
struct SignedRelease: Sendable {
    /// What it says.
    let document: ReleaseDocument
    private let key: Curve25519.Signing.PublicKey
    private let digest: String

    /// Checks the compact form against the pinned keys.
    init(_ compact: String, keys: [Curve25519.Signing.PublicKey]) throws(WireError) {
        for key in keys {
            guard let payload = try? JWS.verify(compact, keys: [.edDSA(key)]).payload else { continue }
            document = try ReleaseDocument(parsing: payload)
            self.key = key
            digest = SHA256Digest(hashing: Array(compact.utf8)).hex
            return
        }
        throw WireError(field: "signature", reason: "the document is not signed by a pinned release key")
    }

    /// The document as reference values by name.
    func projection(now: Int64) throws(WireError) -> ReferenceDocument {
        try ReferenceReader(origin: "release document", now: now).read(
            release: document, ReferenceSigningKey(key).identifier, digest)
    }
}

/// The measurements that signed release documents name.
struct ReleasedMeasurements: Sendable {
    let named: NamedReferenceValues
    let clock: BrokerClock

    /// All values of all versions that are published now.
    var values: ReferenceValues {
        let now = clock.seconds
        var all = ReferenceValues.none
        for document in named.snapshot.documents.values where document.isValid(at: now) {
            all.formUnion(document.values)
        }
        return all
    }

    /// The documents' content, for the administrator.
    var json: JSONValue {
        .array(named.snapshot.documents.sorted { $0.key < $1.key }.map(\.value.json))
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
    func install(_ compact: String, allowsRollback: Bool = false) async throws(BrokerError) -> Int {
        let signed: SignedRelease
        let projection: ReferenceDocument
        do throws(WireError) {
            signed = try SignedRelease(compact, keys: named.releaseKeys)
            guard signed.document.isValid(at: clock.seconds) else {
                throw WireError(field: "expires", reason: "the document has expired")
            }
            projection = try signed.projection(now: clock.seconds)
        } catch {
            throw BrokerError(.malformed, check: "reference-values", "\(error.field): \(error.reason)")
        }
        let key = EntryFamily.release[signed.document.version]
        try await named.take(projection, allowsRollback: allowsRollback) { $0.put(key, Array(compact.utf8)) }
        return signed.document.values.values.count
    }

    /// Ends the publication of a version; answers whether there was one. An older document stays refused.
    func remove(_ version: String) async throws(BrokerError) -> Bool { try await named.removeRelease(version) }
}
