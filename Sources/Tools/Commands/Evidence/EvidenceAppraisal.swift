import Verifier
import WireFormat

/// What an attestation policy says of verified claims.
struct EvidenceAppraisal {
    let policy: String
    let trustVector: TrustVector
    /// Reference values that were asked for and are not there, each with the reason.
    let absent: [String]

    /// Judges claims in the form that policies get.
    init(_ policy: AttestationPolicy, _ claims: JSONValue) throws(WireError) {
        self.policy = policy.identifier
        trustVector = try policy.judge(claims).trustVector
        absent = try policy.absentReferences(claims)
    }

    /// Whether everything is as the policy and the reference values have it.
    var isAffirming: Bool { trustVector.status == .affirming }

    var json: JSONValue {
        [
            "policy": .string(policy), "status": .string(trustVector.status.name),
            "trustworthiness-vector": trustVector.json,
            "absent-reference-values": .array(absent.map { .string($0) }),
        ]
    }

    /// For people.
    var lines: [String] {
        let claims = trustVector.claims.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.key.rawValue) \($0.value)" }
        return absent.map { "reference value \($0)" } + [
            "appraisal by the \(policy) policy: \(trustVector.status.name) (\(claims.joined(separator: ", ")))"
        ]
    }
}
