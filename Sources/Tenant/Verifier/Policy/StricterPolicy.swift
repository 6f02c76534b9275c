import WireFormat

/// Two policies of which the less trusting one counts, for each trust claim: what one leaves unsaid, the other says.
///
/// A tenant's policy beside the built-in one can take trust away, never add any.
public struct StricterPolicy: AppraisalPolicy {
    private let first: any AppraisalPolicy
    private let second: any AppraisalPolicy

    /// Joins two policies.
    public init(_ first: any AppraisalPolicy, _ second: any AppraisalPolicy) {
        self.first = first
        self.second = second
    }

    /// The second one's name: the first is what always holds.
    public var identifier: String { second.identifier }

    /// The worse claim of the two on each subject.
    ///
    /// The second policy has to say something, and what it says of executables has to affirm them: a rule that is undefined
    /// or misspelt would otherwise leave the first policy's word alone.
    public func trustVector(for input: AppraisalInput) throws(WireError) -> TrustVector {
        let claims = try first.trustVector(for: input).claims
        let others = try second.trustVector(for: input).claims
        guard !others.isEmpty else {
            throw WireError(field: "trust_claims", reason: "the policy says nothing of the guest")
        }
        for (subject, claim) in others.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let tier = TrustTier(claim: claim)
            guard tier != .none, subject != .executables || tier == .affirming else {
                throw WireError(field: subject.rawValue, reason: "the policy says \(tier.name)")
            }
        }
        return TrustVector(
            claims.merging(others) { one, other in
                let (left, right) = (TrustTier(claim: one), TrustTier(claim: other))
                if left != right { return left > right ? one : other }
                return max(one, other)
            })
    }
}
