import Envelope
import SealedStorage
import Synchronization
import Verifier
import WireFormat

extension EntryFamily {
    /// Attestation policies that administrators set, by name.
    static let attestationPolicy = EntryFamily(rawValue: "attestation-policy")
}

/// Attestation policies that administrators set, as of the last look at the store.
///
/// The one with the name that trustee's clients give when they name none, `default_cpu`, judges evidence in place of the policy in
/// the configuration; what it may do is the same: of SEV-SNP it can only take away from what the built-in one trusts.
/// Others are kept, for clients that set more than one, and judge nothing.
final class StoredAttestationPolicies: Sendable {
    /// The name of the policy that is in force.
    static let inForce = "default_cpu"
    private static let countLimit = 32

    private let store: BrokerStore
    private struct Known {
        var sources: [String: String] = [:]
        /// The store's revision that they are of.
        var revision: UInt64 = 0
    }

    private let known = Mutex(Known())

    init(store: BrokerStore) async throws(BrokerError) {
        self.store = store
        try await reload()
    }

    /// The source of the policy in force; nil where the configuration's is.
    var source: String? { known.withLock { $0.sources[Self.inForce] } }

    /// All policies by name.
    var all: [(id: String, source: String)] {
        known.withLock { $0.sources }.sorted { $0.key < $1.key }.map { (id: $0.key, source: $0.value) }
    }

    /// Takes in what the store holds, which another replica may have changed.
    func reload() async throws(BrokerError) {
        let (entries, revision) = try await store.transact([], listing: [.attestationPolicy]) {
            (transaction) throws(BrokerError) in
            (try transaction.entries(.attestationPolicy), transaction.revision)
        }
        let named = entries.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) }
        known.withLock { known in
            // Another look that began later may have ended before.
            guard known.revision <= revision else { return }
            known = Known(sources: Dictionary(named) { first, _ in first }, revision: revision)
        }
    }

    /// Stores a policy that was compiled.
    func set(_ id: String, _ source: String) async throws(BrokerError) {
        let key = EntryFamily.attestationPolicy[id]
        try await store.transact([], listing: [.attestationPolicy]) { (transaction) throws(BrokerError) in
            guard try transaction.entries(.attestationPolicy).count(where: { $0.name != id }) < Self.countLimit else {
                throw BrokerError(
                    .conflict, check: "attestation-policies",
                    "there are \(Self.countLimit) attestation policies already; delete one that is not needed")
            }
            transaction.put(key, Array(source.utf8))
        }
        try await reload()
    }

    /// Takes a policy away; answers whether there was one.
    func remove(_ id: String) async throws(BrokerError) -> Bool {
        let key = EntryFamily.attestationPolicy[id]
        let found = try await store.transact([key]) { (transaction) throws(BrokerError) in
            guard try transaction.entry(key) != nil else { return false }
            transaction.remove(key)
            return true
        }
        try await reload()
        return found
    }
}

/// An administrator's calls about attestation policies.
extension KeyBroker {
    func administerAttestationPolicies(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest
    ) async throws(BrokerError) -> BrokerResponse {
        switch route {
        case .setAttestationPolicy:
            let (id, source) = try await makings.run(owner: "", caller: "policies") { () throws(BrokerError) in
                try attestationPolicy(request.body)
            }
            try await attestationPolicies.set(id, source)
            try requireInForce(applyAttestationPolicy(), "the policy is stored")
            return .empty
        case .listAttestationPolicies:
            return .json(
                .array(
                    attestationPolicies.all.map { policy in
                        [
                            "id": .string(policy.id),
                            "inForce": .bool(policy.id == StoredAttestationPolicies.inForce),
                            "sha384": .string(Hex.encode(SHA384Digest(hashing: Array(policy.source.utf8)).bytes)),
                        ]
                    }))
        case .attestationPolicy:
            guard let found = attestationPolicies.all.first(where: { $0.id == values[0] }) else { throw Self.noPolicy }
            return .text(found.source, type: "text/plain; charset=utf-8")
        case .deleteAttestationPolicy:
            guard try await attestationPolicies.remove(values[0]) else { throw Self.noPolicy }
            try requireInForce(applyAttestationPolicy(), "the policy is deleted")
            return .empty
        default: throw Self.unknownPath
        }
    }

    /// Reads and compiles what an administrator sends, as kbs-client does: `policy_id`, and `policy` in base64url. The `type` that
    /// it sends beside is left alone, as in trustee.
    private func attestationPolicy(_ body: [UInt8]) throws(BrokerError) -> (id: String, source: String) {
        do throws(WireError) {
            var fields = try JSONFields(try JSONValue.parse(body), path: "")
            let id = try fields.string("policy_id")
            guard (1...64).contains(id.utf8.count), ResourcePath.isSegment(id) else {
                throw fields.refusal("policy_id", "must be 1 to 64 letters, digits, dots, hyphens and underscores")
            }
            let encoded = try fields.string("policy")
            let bytes = try Base64.decodeURL(String(encoded.prefix { $0 != "=" }), field: "policy")
            _ = try fields.optionalString("type")
            try fields.finish()
            guard bytes.count <= AttestationEvaluator.policySizeLimit else {
                throw fields.refusal("policy", "exceeds \(AttestationEvaluator.policySizeLimit) bytes")
            }
            guard let source = String(validating: bytes, as: UTF8.self) else {
                throw fields.refusal("policy", "is not UTF-8")
            }
            do {
                _ = try AttestationPolicy(identifier: id, source: source, references: named.source)
            } catch {
                throw fields.refusal("policy", ShownText.cutLines(error.description, bytes: 1024))
            }
            try PolicyRules(source).require("trust_claims", orElse: ("allow", "a policy for resources"))
            return (id, source)
        } catch {
            throw BrokerError(.policyUnusable, check: "attestation-policy", "\(error.field): \(error.reason)")
        }
    }

    /// Has evidence judged by the stored policy. Answers why the one of before stays in force; nil when it does not.
    func applyAttestationPolicy() -> String? { reloadedAppraiser?.readAgain() }

    /// Whoever takes trust away must not believe that it is gone.
    private func requireInForce(_ failure: String?, _ what: String) throws(BrokerError) {
        guard let failure else { return }
        throw BrokerError(
            .failed, check: "attestation-policy",
            "\(what), but what was in force before stays, because another file of the broker cannot be used: \(failure)"
        )
    }
}
