import Synchronization
import WireFormat

/// The resource policies that administrators set: one for all paths, and others for paths below a prefix.
///
/// The longest prefix decides alone. Policies are compiled when they are set or loaded, not when they are asked.
final class ResourcePolicies: Sendable {
    private struct Table: Sendable {
        /// Longest prefixes first.
        var policies: [PathPolicy]
        var documents: [String: [UInt8]]
        var revision: UInt64
        var loaded: ContinuousClock.Instant
    }

    private let storage: any PolicyStorage
    private let freshness: Duration
    private let table = Mutex<Table?>(nil)

    private static let countLimit = 256
    /// How many of them one tenant may have.
    private static let tenantLimit = 32

    /// Keeps policies in `storage`; what another replica set there is in force here after `freshness`.
    init(storage: any PolicyStorage, freshness: Duration = .seconds(10)) {
        self.storage = storage
        self.freshness = freshness
    }

    /// All policies, longest prefixes first.
    func all() async throws(BrokerError) -> [PathPolicy] {
        if let known = table.withLock({ $0 }), known.loaded.duration(to: .now) < freshness { return known.policies }
        return try await reload()
    }

    /// Reads the policies from storage again; those that did not change are not compiled again.
    @discardableResult
    func reload() async throws(BrokerError) -> [PathPolicy] {
        let (documents, revision) = try await storage.load()
        let known = table.withLock { $0 }
        var policies: [PathPolicy] = []
        for (id, document) in documents {
            if known?.documents[id] == document, let same = known?.policies.first(where: { $0.id == id }) {
                policies.append(same)
                continue
            }
            do {
                policies.append(try PathPolicy(id: id, document: document))
            } catch {
                // A policy that cannot be read must not open the paths that it guards.
                throw BrokerError(.failed, check: "policies", "resource policy \(id): \(error.field): \(error.reason)")
            }
        }
        let loaded = Table(
            policies: Self.sorted(policies), documents: documents, revision: revision, loaded: .now)
        return table.withLock { table in
            // Another look that began later may have ended before.
            if let known = table, known.revision > revision { return known.policies }
            table = loaded
            return loaded.policies
        }
    }

    /// The policy that decides for a path of any plugin; nil when none does.
    func policy(for path: [String]) async throws(BrokerError) -> PathPolicy? {
        try await all().first { $0.covers(path) }
    }

    /// The prefixes of the policies that serve guests whose manifest nobody registered. Keys are for registered guests alone.
    func openPrefixes() async throws(BrokerError) -> [[String]] {
        try await all().filter { $0.standing == .notNeeded && $0.prefix.first != "kms" }.map(\.prefix)
    }

    /// Puts a policy into force.
    ///
    /// - Parameter tenant: The tenant whose administrator sets it: below its own repositories only, and in no other's place.
    func set(_ policy: PathPolicy, for tenant: Tenant? = nil) async throws(BrokerError) {
        try await storage.save(policy.id, policy.document, tenant: tenant?.name) {
            (documents, stored) throws(BrokerError) in
            // As it is now: while its text was compiled the repository may have become another one's.
            if tenant != nil, stored?.owns(prefix: policy.prefix) != true {
                throw Tenant.notYours("the prefix of the policy")
            }
            let prefixes = documents.mapValues(PathPolicy.prefix(document:))
            let others = prefixes.filter { $0.key != policy.id }
            guard others.count < Self.countLimit else {
                throw BrokerError(
                    .conflict, check: "policies", "there are \(Self.countLimit) resource policies already")
            }
            if let twin = others.first(where: { $0.value == policy.prefix }) {
                let name = tenant.map { $0.owns(prefix: twin.value) ? twin.key : "of another" } ?? twin.key
                throw BrokerError(.conflict, check: "policies", "policy \(name) has this prefix already")
            }
            guard let tenant else { return }
            if let known = prefixes[policy.id], !tenant.owns(prefix: known) {
                throw BrokerError(.conflict, check: "tenant", "somebody else has a policy of this name")
            }
            guard others.count(where: { tenant.owns(prefix: $0.value) }) < Self.tenantLimit else {
                throw BrokerError(
                    .quotaExceeded, check: "quota", "tenant \(tenant.name) has \(Self.tenantLimit) policies already")
            }
        }
        try await reload()
    }

    /// Takes a policy away; answers false when there is none of this name, or none of the tenant's.
    func remove(_ id: String, for tenant: Tenant? = nil) async throws(BrokerError) -> Bool {
        let absent = BrokerError(.notFound, check: "policy", "there is no policy of this name")
        do throws(BrokerError) {
            try await storage.save(id, nil, tenant: nil) { (documents, _) throws(BrokerError) in
                guard let document = documents[id] else { throw absent }
                guard tenant?.owns(prefix: PathPolicy.prefix(document: document)) ?? true else { throw absent }
            }
        } catch {
            guard error == absent else { throw error }
            return false
        }
        try await reload()
        return true
    }

    private static func sorted(_ policies: [PathPolicy]) -> [PathPolicy] {
        policies.sorted { ($1.prefix.count, $0.id) < ($0.prefix.count, $1.id) }
    }
}
