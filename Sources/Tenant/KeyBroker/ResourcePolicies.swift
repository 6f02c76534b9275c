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
        var loaded: ContinuousClock.Instant
    }

    private let storage: any PolicyStorage
    private let freshness: Duration
    private let table = Mutex<Table?>(nil)

    private static let countLimit = 256

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
        let documents = try await storage.load()
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
        let sorted = Self.sorted(policies)
        table.withLock { $0 = Table(policies: sorted, documents: documents, loaded: .now) }
        return sorted
    }

    /// The policy that decides for a path of any plugin; nil when none does.
    func policy(for path: [String]) async throws(BrokerError) -> PathPolicy? {
        try await all().first { $0.covers(path) }
    }

    /// Whether some policy serves guests whose manifest nobody registered.
    func servesUnregistered() async throws(BrokerError) -> Bool {
        try await all().contains { $0.standing == .notNeeded }
    }

    /// Puts a policy into force.
    func set(_ policy: PathPolicy) async throws(BrokerError) {
        let others = try await all().filter { $0.id != policy.id }
        guard others.count < Self.countLimit else {
            throw BrokerError(.conflict, check: "policies", "there are \(Self.countLimit) resource policies already")
        }
        if let twin = others.first(where: { $0.prefix == policy.prefix }) {
            throw BrokerError(.conflict, check: "policies", "policy \(twin.id) has this prefix already")
        }
        try await storage.save(policy.id, policy.document)
        try await reload()
    }

    /// Takes a policy away; answers false when there is none of this name.
    func remove(_ id: String) async throws(BrokerError) -> Bool {
        guard try await all().contains(where: { $0.id == id }) else { return false }
        try await storage.save(id, nil)
        try await reload()
        return true
    }

    private static func sorted(_ policies: [PathPolicy]) -> [PathPolicy] {
        policies.sorted { ($1.prefix.count, $0.id) < ($0.prefix.count, $1.id) }
    }
}
