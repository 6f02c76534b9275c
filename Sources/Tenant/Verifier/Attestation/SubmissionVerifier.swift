import Evidence
import WireFormat

/// Verifies evidence of every technology that is understood here, and gives its claims under trustee's names.
///
/// It does no input or output; time comes from the settings' clock. A policy judges what the claims are worth.
public struct SubmissionVerifier: Sendable {
    /// Whom it believes and what it demands.
    public let settings: VerificationSettings

    /// The technologies that it can verify, by their names on the wire.
    public static let technologies: Set<String> = [
        "snp", "soft-snp", "tdx", "soft-tdx", "sgx", "soft-sgx", "tpm", "az-snp-vtpm", "az-tdx-vtpm", "cca",
    ]
    /// The technologies whose evidence is read, and refused because nobody here can check it.
    public static let unverified: Set<String> = ["se", "nvidia"]

    /// Creates a verifier.
    public init(_ settings: VerificationSettings) { self.settings = settings }

    /// Verifies evidence: who made it, what it is bound to, and that nothing forbids to look at it.
    public func verify(_ submission: Submission) throws(EvidenceRefusal) -> VerifiedSubmission {
        switch submission.tee {
        case "snp": try verify(report: submission, as: .snp)
        case "soft-snp": try verify(report: submission, as: .softSNP)
        case "tdx": try verify(domain: submission, as: .tdx)
        case "soft-tdx": try verify(domain: submission, as: .softTDX)
        case "sgx": try verify(enclave: submission, as: .sgx)
        case "soft-sgx": try verify(enclave: submission, as: .softSGX)
        case "tpm": try verify(tpm: submission)
        case "az-snp-vtpm": try verify(azureSNP: submission)
        case "az-tdx-vtpm": try verify(azureTDX: submission)
        case "cca": try verify(realm: submission)
        case "se":
            throw UnverifiedListing(
                ibmSE: try Self.parsed { () throws(WireError) in try SEEvidence(json: submission.evidence) }
            ).refusal
        case "nvidia":
            throw try Self.parsed { () throws(WireError) in
                try UnverifiedListing(nvidia: try NVIDIAEvidence(json: submission.evidence))
            }.refusal
        default:
            throw VerificationRecord().refusal(
                .technology, "technology", ShownText.cut(submission.tee, bytes: 64),
                "no verifier knows this technology")
        }
    }

    /// What `parse` gives; malformed input refuses.
    static func parsed<Value>(_ parse: () throws(WireError) -> Value) throws(EvidenceRefusal) -> Value {
        try VerificationRecord().parsed(parse)
    }

    /// Demanded bytes as they stand in a field of a fixed length: zeros behind.
    static func padded(
        _ bytes: [UInt8]?, _ length: Int, _ check: EvidenceCheck, _ field: String
    ) throws(EvidenceRefusal) -> [UInt8]? {
        guard let bytes else { return nil }
        guard bytes.count <= length else {
            throw VerificationRecord().refusal(
                check, field, "\(bytes.count) bytes", "what is expected is longer than the \(length) bytes of the field"
            )
        }
        return bytes + [UInt8](repeating: 0, count: length - bytes.count)
    }

    /// Bindings that nobody demanded were compared with themselves: they count as not checked.
    static func undemanded(
        _ fields: [FieldVerdict], _ submission: Submission, reportData: Set<String> = [], initData: Set<String> = []
    ) -> [FieldVerdict] {
        fields.map { field in
            guard field.verdict == .passed else { return field }
            let what: String
            if reportData.contains(field.field), submission.reportData == nil {
                what = "runtime data"
            } else if initData.contains(field.field), submission.initDataDigest == nil {
                what = "init-data"
            } else {
                return field
            }
            return FieldVerdict(
                field: field.field, value: field.value, verdict: .notChecked, reason: "no \(what) came along")
        }
    }
}
