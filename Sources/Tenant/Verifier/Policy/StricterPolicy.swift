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
    public func trustVector(for input: AppraisalInput) throws(WireError) -> TrustVector {
        let claims = try first.trustVector(for: input).claims
        return TrustVector(
            claims.merging(try second.trustVector(for: input).claims) { one, other in
                let (left, right) = (TrustTier(claim: one), TrustTier(claim: other))
                if left != right { return left > right ? one : other }
                return max(one, other)
            })
    }
}
