import Verifier
import WireFormat

/// What the default policy says of verified claims, with reference values of a file.
struct EvidenceAppraisal {
    /// The technologies whose claims the command has in the form that policies know.
    static let technologies: Set = ["snp", "sev-snp", "soft-snp", "tdx", "soft-tdx", "sgx", "soft-sgx", "tpm"]

    let trustVector: TrustVector
    /// Reference values that were asked for and are not there, each with the reason.
    let absent: [String]

    /// Judges the claims as of a time: what has expired then is not known.
    init(_ claims: JSONValue, referenceValues path: String, now: Int64) throws {
        let store = try ReferenceValueFile(path: path).load(mustExist: true)
        let policy = try AttestationPolicy(
            identifier: DefaultPolicy.identifier, source: DefaultPolicy.source,
            references: CurrentReferenceValues(store) { now })
        trustVector = try policy.judge(claims).trustVector
        absent = try policy.absentReferences(claims)
    }

    /// Whether everything is as the reference values have it.
    var isAffirming: Bool { trustVector.status == .affirming }

    var json: JSONValue {
        [
            "policy": .string(DefaultPolicy.identifier), "status": .string(trustVector.status.name),
            "trustworthiness-vector": trustVector.json,
            "absent-reference-values": .array(absent.map { .string($0) }),
        ]
    }

    /// For people.
    var lines: [String] {
        let claims = trustVector.claims.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.key.rawValue) \($0.value)" }
        return absent.map { "reference value \($0)" } + [
            "appraisal by the default policy: \(trustVector.status.name) (\(claims.joined(separator: ", ")))"
        ]
    }
}
