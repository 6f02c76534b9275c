import KeyManagement
import WireFormat

/// What guests may do with keys: what their manifest is registered for, and what an administrator's policy allows.
///
/// A policy in Rego is asked when its prefix begins with `kms`: `kms`, `kms/NAMESPACE` or `kms/NAMESPACE/NAME`. The policy for
/// all paths opens no key, since whoever wrote it may have thought of resources. Good standing is needed in either case, and
/// was checked before.
struct KeyReleasePolicy: KeyPolicy {
    let store: BrokerStore
    let policies: ResourcePolicies
    let tenants: TenantTable
    let turns: FairTurns
    let clock: BrokerClock

    /// The policy for a key's namespace and name; nil when there is none.
    static func policy(
        _ values: some Collection<String>, in policies: ResourcePolicies
    ) async throws(BrokerError) -> PathPolicy? {
        guard let found = try await policies.policy(for: ["kms"] + values.prefix(2)), !found.prefix.isEmpty else {
            return nil
        }
        return found
    }

    func decide(_ caller: AttestedCaller, _ key: KeyName, _ operation: KeyOperation) async -> KeyDecision {
        do {
            let found = try await store.registration(caller.manifest)
            let grants = found.flatMap { $0.refusal(now: clock.seconds) == nil ? $0.keys : nil }
            let registered = await GrantPolicy { _ in grants }.decide(caller, key, operation)
            guard !registered.isAllowed, grants != nil,
                let policy = try await Self.policy([key.namespace, key.name], in: policies)
            else { return registered }
            // A tenant's keys are for guests of its own namespaces, however open a policy is.
            if let owner = try await tenants.owner(ofNamespace: key.namespace),
                !owner.owns(namespace: found?.namespace ?? "")
            {
                return KeyDecision(
                    isAllowed: false, check: "other-tenant", reason: "the key is of a tenant, and the guest is not")
            }
            let data: JSONValue = [
                "plugin": "kms", "resource-path": ["kms", .string(key.namespace), .string(key.name)],
                "query": ["operation": .string(operation.rawValue)],
            ]
            let owner = try await tenants.owner(ofNamespace: key.namespace)?.name ?? ""
            let isAllowed = try await turns.run(owner: owner, caller: caller.manifest) { () throws(BrokerError) in
                do throws(WireError) {
                    return try policy.policy.allows(claims: caller.claims, data: data)
                } catch {
                    return false
                }
            }
            return KeyDecision(
                isAllowed: isAllowed, check: ReleaseDecision.policyCheck + policy.id,
                reason: isAllowed ? "the policy allows it" : "the policy does not allow it")
        } catch {
            return KeyDecision(isAllowed: false, check: "policy", reason: "the policies cannot be asked now")
        }
    }
}
