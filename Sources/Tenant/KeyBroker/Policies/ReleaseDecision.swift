import Envelope
import Verifier
import WireFormat

/// What was asked for: a path of a plugin with its query.
struct ReleaseQuestion: Sendable {
    var plugin = "resource"
    var path: ResourcePath
    var query: [String: String] = [:]

    /// The base documents of a policy in Rego.
    var data: JSONValue {
        [
            "plugin": .string(plugin), "resource-path": .array(segments.map { .string($0) }),
            "query": .object(query.mapValues { .string($0) }),
        ]
    }

    var segments: [String] { [path.repository, path.kind, path.tag] }
}

/// Decides on releases: administrators' policies in Rego over the registration of manifests.
///
/// Without a policy for the path the registration decides. With one it decides, and the guest must be in good standing
/// besides, unless the policy says that this is not needed; then guests without a registration and tokens of other
/// services are served too, but no guest whose registration ended.
struct ReleaseDecision: Sendable {
    let store: BrokerStore
    let tenants: TenantTable
    let released: ReleasedMeasurements
    let policies: ResourcePolicies
    let registration: any ResourcePolicy
    let turns: FairTurns
    let clock: BrokerClock

    /// The check by which a guest that nobody registered comes before a policy.
    static let unregistered = "unregistered"
    /// How the checks of administrators' policies begin.
    static let policyCheck = "policy-"

    /// The checks that decide, in order; the last one is the reason of a refusal.
    ///
    /// - Parameters:
    ///   - guest: Who asks, when this broker appraised it.
    ///   - claims: All claims of the token; asked for only where a policy needs them.
    func decide(
        _ question: ReleaseQuestion, guest: AttestedGuest?,
        claims: () async throws(BrokerError) -> JSONValue
    ) async throws(BrokerError) -> [PolicyDecision] {
        guard let policy = try await policies.policy(for: question.segments) else {
            return [try await decideByRegistration(question, guest)]
        }
        let standing = try await self.standing(guest, policy, question.path)
        guard standing.allowed else { return [standing] }
        let known = try await claims()
        let check = Self.policyCheck + policy.id
        let owner = try await tenants.owner(ofPrefix: policy.prefix)?.name ?? ""
        let decision = try await turns.run(owner: owner, caller: guest?.turn ?? "") { () -> PolicyDecision in
            do throws(WireError) {
                return try policy.policy.allows(claims: known, data: question.data)
                    ? .allow(check, "the policy allows it") : .deny(check, "the policy does not allow it")
            } catch {
                return .deny(check, error.reason)
            }
        }
        return [standing, decision]
    }

    private func decideByRegistration(
        _ question: ReleaseQuestion, _ guest: AttestedGuest?
    ) async throws(BrokerError) -> PolicyDecision {
        guard question.plugin == "resource" else {
            return .deny("no-policy", "no policy is set for this path")
        }
        guard let guest else { return Self.foreign }
        let found = try await store.registration(guest.manifest)
        if let refusal = try await crossing(question.path, found) { return refusal }
        return await registration.decide(
            ReleaseRequest(
                guest: guest, path: question.path, registration: found,
                reference: released.match(guest, for: found), now: clock.seconds))
    }

    private func standing(
        _ guest: AttestedGuest?, _ policy: PathPolicy, _ path: ResourcePath
    ) async throws(BrokerError) -> PolicyDecision {
        let isNeeded = policy.standing == .needed
        guard let guest else {
            return isNeeded
                ? Self.foreign : .allow("registration", "policy \(policy.id) needs no registration")
        }
        let found = try await store.registration(guest.manifest)
        guard isNeeded || found != nil else {
            return GuestStanding.refusal(unregistered: guest)
                ?? .allow(Self.unregistered, "policy \(policy.id) needs no registration")
        }
        if isNeeded, let refusal = try await crossing(path, found) { return refusal }
        return GuestStanding.refusal(
            guest, registration: found, reference: released.match(guest, for: found), now: clock.seconds)
            ?? .allow("registration", "the guest is in good standing")
    }

    /// A tenant's secrets are for guests of its own namespaces, however open its policy is, unless it takes any guest.
    private func crossing(
        _ path: ResourcePath, _ registration: Registration?
    ) async throws(BrokerError) -> PolicyDecision? {
        guard let registration, let owner = try await tenants.owner(of: path),
            !owner.owns(namespace: registration.namespace)
        else { return nil }
        return .deny("other-tenant", "the resource is of a tenant, and the guest is not")
    }

    private static let foreign = PolicyDecision.deny(
        "foreign-token", "the token is of another service, and the path is for registered guests")
}
