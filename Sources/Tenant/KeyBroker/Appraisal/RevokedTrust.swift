import SealedStorage
import Synchronization
import Verifier
import WireFormat

extension EntryFamily {
    /// What is not trusted any more, by kind and value.
    static let revocation = EntryFamily(rawValue: "revocation")
}

/// Something that an administrator trusts no more: guests that rest on it get nothing from then on.
///
/// Reference values and manifests are withdrawn where they were stated; this is for what nobody of the tenant stated.
struct RevokedTrust: Equatable, Sendable {
    /// What is meant.
    enum Kind: String, CaseIterable, Sendable {
        /// A product line of AMD's (`milan`) or a family of Intel's platforms (FMSPC).
        case line
        /// A vendor's root: SHA-256 of the certificate or of its public key.
        case root
        /// One chip or platform.
        case chip
        /// One boot of one guest.
        case instance
        /// A launch measurement.
        case measurement
    }

    /// What is meant.
    let kind: Kind
    /// Which one, lower case.
    let value: String
    /// Since when, in seconds since 1970.
    let since: Int64
    /// Why, for whoever reads the list.
    let reason: String
    /// Who said so.
    let by: String

    /// Checks what an administrator said.
    init(kind: String, value: String, reason: String, by: String, now: Int64) throws(WireError) {
        guard let kind = Kind(rawValue: kind) else {
            throw WireError(
                field: "kind", reason: "must be \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let value = value.lowercased()
        switch kind {
        case .line, .root, .chip: _ = try Distrust(["\(kind.rawValue)=\(value)"])
        case .instance:
            guard try Hex.decode(value, field: "value").count == 16 else {
                throw WireError(field: "value", reason: "must be the 16 bytes of an instance's name in hexadecimal")
            }
        case .measurement:
            guard [32, 48, 64].contains(try Hex.decode(value, field: "value").count) else {
                throw WireError(field: "value", reason: "must be a measurement of 32, 48 or 64 bytes in hexadecimal")
            }
        }
        guard reason.utf8.count <= 512 else { throw WireError(field: "reason", reason: "exceeds 512 bytes") }
        self.kind = kind
        self.value = value
        since = now
        self.reason = reason
        self.by = by
    }

    /// The name in the store.
    var name: String { "\(kind.rawValue)=\(value)" }

    /// The listed form, which is the stored one.
    var json: JSONValue {
        [
            "kind": .string(kind.rawValue), "value": .string(value), "since": .integer(since),
            "reason": .string(reason), "by": .string(by),
        ]
    }

    init(stored entry: StoredEntry) throws(BrokerError) {
        do {
            var fields = try JSONFields(try JSONValue.parse(entry.value), path: "revocation")
            let since = try fields.integer("since")
            try self.init(
                kind: try fields.string("kind"), value: try fields.string("value"),
                reason: try fields.string("reason"), by: try fields.string("by"), now: since)
            try fields.finish()
        } catch {
            throw BrokerError(.failed, check: "storage", "a stored revocation cannot be read")
        }
    }
}

/// All revocations, in memory as of the last look at the store.
final class Revocations: Sendable {
    /// What holds now.
    struct Snapshot: Sendable {
        fileprivate(set) var all: [RevokedTrust] = []
        /// What the verifier refuses.
        fileprivate(set) var distrust = Distrust.nothing
        /// Sessions and tokens of hardware from before this second do not say what they rest on: their guests attest again.
        fileprivate(set) var hardwareSince: Int64?
        fileprivate(set) var instances: Set<String> = []
        fileprivate(set) var measurements: Set<String> = []
        /// The store's revision that this is of.
        fileprivate(set) var revision: UInt64 = 0
    }

    /// For how many seconds after a revocation of hardware tokens are refused that other replicas may have issued without
    /// knowing of it.
    static let spread: Int64 = 15

    private let store: BrokerStore
    private let known = Mutex(Snapshot())

    init(store: BrokerStore) async throws(BrokerError) {
        self.store = store
        try await reload()
    }

    /// What holds now.
    var snapshot: Snapshot { known.withLock { $0 } }

    /// Takes in what the store holds, which another replica may have changed.
    func reload() async throws(BrokerError) {
        var next = Snapshot()
        var distrusted: [String] = []
        let (entries, revision) = try await store.transact([], listing: [.revocation]) {
            (transaction) throws(BrokerError) in (try transaction.entries(.revocation), transaction.revision)
        }
        next.revision = revision
        for entry in entries {
            let revocation = try RevokedTrust(stored: entry)
            next.all.append(revocation)
            switch revocation.kind {
            case .line, .root, .chip:
                distrusted.append(revocation.name)
                next.hardwareSince = max(next.hardwareSince ?? revocation.since, revocation.since)
            case .instance: next.instances.insert(revocation.value)
            case .measurement: next.measurements.insert(revocation.value)
            }
        }
        do {
            next.distrust = try Distrust(distrusted)
        } catch {
            throw BrokerError(.failed, check: "storage", "the stored revocations cannot be read")
        }
        known.withLock { if next.revision >= $0.revision { $0 = next } }
    }

    /// Puts a revocation into force.
    func add(_ revocation: RevokedTrust) async throws(BrokerError) {
        try await store.transact([]) { (transaction) throws(BrokerError) in
            transaction.put(EntryFamily.revocation[revocation.name], revocation.json.canonicalBytes)
        }
        try await reload()
    }

    /// Takes one back; answers whether it was there.
    func remove(_ kind: String, _ value: String) async throws(BrokerError) -> Bool {
        let key = EntryFamily.revocation["\(kind)=\(value.lowercased())"]
        let found = try await store.transact([key]) { (transaction) throws(BrokerError) in
            guard try transaction.entry(key) != nil else { return false }
            transaction.remove(key)
            return true
        }
        try await reload()
        return found
    }

    /// Refuses a guest whose boot or measurement was revoked.
    func check(_ guest: AttestedGuest) throws(BrokerError) {
        let now = snapshot
        if now.instances.contains(guest.instance) {
            throw BrokerError(.policyDenied, check: "revoked-instance", "this boot of the guest was revoked")
        }
        if now.measurements.contains(guest.measurement) {
            throw BrokerError(.policyDenied, check: "revoked-measurement", "the guest's measurement was revoked")
        }
    }

    /// Refuses a session or token whose guest was revoked, or that is older than the newest revocation of hardware.
    ///
    /// - Parameter issued: When the session began or the token was issued, in seconds since 1970.
    func check(_ guest: AttestedGuest, issued: Int64) throws(BrokerError) {
        try check(guest)
        if !guest.simulated { try checkHardware(issued: issued) }
    }

    /// Refuses what was issued before the newest revocation of hardware, or so soon after it that who issued it may not have known.
    func checkHardware(issued: Int64) throws(BrokerError) {
        guard let since = snapshot.hardwareSince, issued <= since || issued - since <= Self.spread else { return }
        throw BrokerError(
            .tokenInvalid, check: "revoked-hardware", "hardware was revoked since the guest attested; attest again")
    }
}

/// An administrator's calls about revocations.
extension KeyBroker {
    func administerRevocations(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest, administrator: String
    ) async throws(BrokerError) -> BrokerResponse {
        switch route {
        case .listRevocations: return .json(.array(revocations.snapshot.all.map(\.json)))
        case .revoke:
            let revocation: RevokedTrust
            do {
                var reason = ""
                if !request.body.isEmpty {
                    var fields = try JSONFields(try JSONValue.parse(request.body), path: "")
                    reason = try fields.optionalString("reason") ?? ""
                    try fields.finish()
                }
                revocation = try RevokedTrust(
                    kind: values[0], value: values[1], reason: reason, by: administrator, now: clock.seconds)
            } catch {
                throw BrokerError(.malformed, check: "revocation", "\(error.field): \(error.reason)")
            }
            try await revocations.add(revocation)
            if revocation.kind == .instance { try await revokeLeaves(ofInstance: revocation.value) }
            return .json(revocation.json)
        case .reinstate:
            guard try await revocations.remove(values[0], values[1]) else {
                throw BrokerError(.notFound, check: "revocation", "this was not revoked")
            }
            return .empty
        default: throw Self.unknownPath
        }
    }
}
