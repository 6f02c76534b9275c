import Synchronization
import WireFormat

/// The tenants, as decisions and audit lines ask for them.
///
/// Who may change what is decided on the stored tenants, inside the transaction; this copy is at most ``freshness`` old.
final class TenantTable: Sendable {
    private struct Known: Sendable {
        var tenants: [Tenant]
        var revision: UInt64
        var loaded: ContinuousClock.Instant
    }

    private let load: @Sendable () async throws(BrokerError) -> (tenants: [Tenant], revision: UInt64)
    private let known = Mutex<Known?>(nil)

    private static let freshness: Duration = .seconds(10)

    /// Takes the tenants out of a store.
    convenience init(store: BrokerStore) {
        self.init { () throws(BrokerError) in try await store.tenantsNow() }
    }

    /// Takes the tenants from elsewhere.
    init(
        load: @escaping @Sendable () async throws(BrokerError) -> (tenants: [Tenant], revision: UInt64)
    ) { self.load = load }

    /// All tenants.
    func all() async throws(BrokerError) -> [Tenant] {
        if let known = known.withLock({ $0 }), known.loaded.duration(to: .now) < Self.freshness { return known.tenants }
        return try await reload()
    }

    /// Reads the tenants again.
    @discardableResult
    func reload() async throws(BrokerError) -> [Tenant] {
        let (tenants, revision) = try await load()
        return known.withLock { known in
            // Another look that began later may have ended before.
            if let newer = known, newer.revision > revision { return newer.tenants }
            known = Known(tenants: tenants, revision: revision, loaded: .now)
            return tenants
        }
    }

    /// The owner of a path; nil when it is the broker's administrators' own.
    func owner(of path: ResourcePath) async throws(BrokerError) -> Tenant? { try await all().first { $0.owns(path) } }

    /// The owner of a policy's prefix; nil for the one for all paths, which is the broker's administrators' own.
    func owner(ofPrefix prefix: [String]) async throws(BrokerError) -> Tenant? {
        try await all().first { $0.owns(prefix: prefix) }
    }

    /// The owner of a namespace.
    func owner(ofNamespace namespace: String) async throws(BrokerError) -> Tenant? {
        try await all().first { $0.owns(namespace: namespace) }
    }

    /// The name of the owner of a path, or of a namespace where there is one, for the audit log; empty for none.
    ///
    /// A line is written also while the store does not answer.
    func label(_ path: ResourcePath? = nil, namespace: String? = nil) async -> String {
        if let path, let owner = try? await owner(of: path) { return owner.name }
        if let namespace, let owner = try? await owner(ofNamespace: namespace) { return owner.name }
        return ""
    }
}
