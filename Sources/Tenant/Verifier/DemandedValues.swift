import WireFormat

/// Demands that are made of evidence of every technology, once it is authentic.
public enum DemandedValues {
    /// Refuses evidence whose launch measurement is none of those wanted.
    ///
    /// - Parameters:
    ///   - found: The measurement in the evidence.
    ///   - wanted: Those that would do.
    ///   - fields: What was looked at before.
    /// - Returns: What was looked at, this included.
    public static func measurement(
        _ found: [UInt8], among wanted: Set<[UInt8]>, after fields: [FieldVerdict]
    ) throws(EvidenceRefusal) -> [FieldVerdict] {
        var record = VerificationRecord(fields)
        try record.require(
            wanted.contains(found), .measurement, "measurement", Hex.encode(found), passed: "as demanded",
            failed: "the guest was launched from something else than demanded")
        return record.fields
    }

    /// Refuses evidence that a policy contraindicates, or of which it claims nothing.
    ///
    /// - Parameters:
    ///   - vector: What the policy said.
    ///   - policy: Its name.
    ///   - fields: What was looked at before.
    /// - Returns: What was looked at, each trust claim included.
    public static func trust(
        _ vector: TrustVector, by policy: String, after fields: [FieldVerdict]
    ) throws(EvidenceRefusal) -> [FieldVerdict] {
        var record = VerificationRecord(fields)
        for subject in TrustVector.Subject.allCases {
            guard let claim = vector.claims[subject] else { continue }
            let tier = TrustTier(claim: claim)
            if tier == .affirming {
                record.pass(subject.rawValue, "\(claim)", "\(tier.name), by policy \(policy)")
            } else {
                record.skip(subject.rawValue, "\(claim)", because: "\(tier.name), by policy \(policy)")
            }
        }
        let status = vector.status
        try record.require(
            status == .affirming || status == .warning, .policy, "policy \(policy)", status.name,
            passed: "the worst of its claims",
            failed: status == .none ? "the policy claims nothing" : "the policy does not trust the evidence")
        return record.fields
    }
}
