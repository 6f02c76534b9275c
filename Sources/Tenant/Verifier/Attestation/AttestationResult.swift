import WireFormat

/// What an attestation service found out about one device: verified claims and what a policy thinks of them.
public struct AttestationResult: Sendable {
    /// The verified evidence.
    public let verified: VerifiedSubmission
    /// What the policy said.
    public let verdict: PolicyVerdict
    /// The policy's name.
    public let policyIdentifier: String
    private let policy: AttestationPolicy

    init(
        _ verified: VerifiedSubmission, policy: AttestationPolicy, identifier: String
    ) throws(WireError) {
        self.verified = verified
        self.policy = policy
        policyIdentifier = identifier
        verdict = try policy.judge(verified.annotatedEvidence)
        for member in verdict.extensions where Self.ownMembers.contains(member.name) {
            throw WireError(field: "extensions", reason: "\(member.name) is not a policy's to set")
        }
    }

    private static let ownMembers: Set<String> = [
        "ear.status", "ear.trustworthiness-vector", "ear.appraisal-policy-id", "ear.veraison.annotated-evidence",
        Explanation.member,
    ]

    /// The overall result.
    public var status: TrustTier { verdict.trustVector.status }

    /// The result as a token carries it in `submods`.
    public var submodule: JSONValue {
        var members: [String: JSONValue] = [
            "ear.status": .string(status.name), "ear.appraisal-policy-id": .string(policyIdentifier),
            "ear.veraison.annotated-evidence": verified.annotatedEvidence,
        ]
        if !verdict.trustVector.claims.isEmpty { members["ear.trustworthiness-vector"] = verdict.trustVector.json }
        for member in verdict.extensions { members[member.name] = member.value }
        return .object(members)
    }

    /// The result with everything that was looked at and why, for the tenant. It is no host's business.
    public func explainedSubmodule() throws(WireError) -> JSONValue {
        var members = submodule.objectValue ?? [:]
        members[Explanation.member] = try explanation().json
        return .object(members)
    }

    /// Every claim with its status and the check that gave it, the protections, and what each rule of the policy came to.
    public func explanation() throws(WireError) -> Explanation {
        Explanation(verified, trace: try policy.explain(verified.annotatedEvidence))
    }

    /// Results as the submodules of one token: `cpu0`, `cpu1`, `gpu0`, …
    public static func submodules(
        _ results: [AttestationResult], explained: Bool = false
    ) throws(WireError) -> JSONValue {
        var counts: [DeviceClass: Int] = [:]
        var members: [String: JSONValue] = [:]
        for result in results {
            let index = counts[result.verified.deviceClass, default: 0]
            counts[result.verified.deviceClass] = index + 1
            members["\(result.verified.deviceClass.rawValue)\(index)"] =
                explained ? try result.explainedSubmodule() : result.submodule
        }
        return .object(members)
    }
}
