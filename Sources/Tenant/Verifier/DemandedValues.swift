import Evidence
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
        // That nothing was demanded before is no longer true.
        var record = VerificationRecord(fields.filter { $0.field != "measurement" || $0.verdict != .notChecked })
        try record.require(
            wanted.contains(found), .measurement, "measurement", Hex.encode(found), passed: "as demanded",
            failed: "the guest was launched from something else than demanded")
        return record.fields
    }

    /// Refuses a TPM's quote unless each wanted register is quoted in a wanted bank, and every one that is has its value.
    ///
    /// - Parameters:
    ///   - held: The registers that the quote vouches for.
    ///   - wanted: The values that are wanted.
    ///   - fields: What was looked at before.
    /// - Returns: What was looked at, with one line for each register.
    public static func registers(
        _ held: PCRBanks, as wanted: PCRBanks, after fields: [FieldVerdict]
    ) throws(EvidenceRefusal) -> [FieldVerdict] {
        var record = VerificationRecord(fields)
        for register in Set(wanted.values.values.flatMap(\.keys)).sorted() {
            let banks = wanted.values.keys.sorted { $0.rawValue < $1.rawValue }.filter {
                wanted[$0, register] != nil && held[$0, register] != nil
            }
            try record.require(
                !banks.isEmpty && banks.allSatisfy { held[$0, register] == wanted[$0, register] }, .measurement,
                "PCR \(register)",
                banks.map { "\($0.name):\(Hex.encode(held[$0, register] ?? []))" }.joined(separator: " "),
                passed: "as demanded",
                failed: banks.isEmpty
                    ? "is not quoted in any of the banks that are demanded"
                    : "something else was booted than demanded")
        }
        return record.fields
    }

    /// Refuses evidence that a policy does not affirm, or warns of.
    ///
    /// - Parameters:
    ///   - policy: The policy.
    ///   - evidence: Its input: claims by technology.
    ///   - fields: What was looked at before.
    /// - Returns: What was looked at, with one line for each trust claim, and the worst tier: affirming or warning.
    public static func policy(
        _ policy: AttestationPolicy, judges evidence: JSONValue, after fields: [FieldVerdict]
    ) throws(EvidenceRefusal) -> (fields: [FieldVerdict], tier: TrustTier) {
        var record = VerificationRecord(fields)
        let vector: TrustVector
        do throws(WireError) { vector = try policy.judge(evidence).trustVector } catch {
            throw record.refusal(.policy, "policy \(policy.identifier)", "", error.description)
        }
        for subject in TrustVector.Subject.allCases {
            guard let claim = vector.claims[subject] else { continue }
            let tier = TrustTier(claim: claim)
            if tier == .affirming {
                record.pass(subject.rawValue, "\(claim)", "\(tier.name), by policy \(policy.identifier)")
            } else {
                record.skip(subject.rawValue, "\(claim)", because: "\(tier.name), by policy \(policy.identifier)")
            }
        }
        let status = vector.status
        if status != .affirming {
            for absent in (try? policy.absentReferences(evidence)) ?? [] {
                record.skip("reference value", "", because: absent)
            }
        }
        try record.require(
            status == .affirming || status == .warning, .policy, "policy \(policy.identifier)", status.name,
            passed: "the worst of its claims",
            failed: status == .none ? "the policy claims nothing" : "the policy does not trust the evidence")
        return (record.fields, status)
    }
}
