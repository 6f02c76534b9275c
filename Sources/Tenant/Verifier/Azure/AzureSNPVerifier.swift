import Evidence
import WireFormat

/// A machine on Azure under SEV-SNP: genuine hardware, whose paravisor runs the vTPM that quoted the registers for the nonce. Only
/// ``AzureSNPVerifier`` makes it.
public struct VerifiedAzureSNP: Sendable {
    /// The SNP report and its endorsement.
    public let hardware: VerifiedEvidence
    /// The paravisor's report.
    public let report: HCLReport
    /// The runtime data that the hardware vouches for.
    public let runtime: AzureRuntimeData
    /// SHA-256 of the runtime data.
    public let runtimeDigest: [UInt8]
    /// The vTPM's quote.
    public let quote: VerifiedTPMQuote
    let record: VerificationRecord

    /// What was looked at.
    public var fields: [FieldVerdict] { hardware.record.fields + record.fields + quote.fields }
}

/// Follows the chain of Azure's evidence under SNP: AMD's root, SNP report, runtime data, attestation key, quote.
public struct AzureSNPVerifier: Sendable {
    private let hardware: SNPVerifier
    private let requirements: TPMQuoteRequirements

    /// Creates a verifier that trusts what `hardware` trusts.
    public init(hardware: SNPVerifier, requirements: TPMQuoteRequirements = .strict) {
        self.hardware = hardware
        self.requirements = requirements
    }

    /// Checks evidence.
    ///
    /// - Parameters:
    ///   - evidence: What the machine sent.
    ///   - authorities: AMD's intermediate certificate and root, in DER.
    ///   - revocationList: The root's list, when one is at hand.
    ///   - nonce: What the quote must have been made for.
    public func verify(
        _ evidence: AzureVTPMEvidence, authorities: [CertificateTable.Kind: [UInt8]], revocationList: [UInt8]? = nil,
        nonce: [UInt8]
    ) throws(EvidenceRefusal) -> VerifiedAzureSNP {
        var record = VerificationRecord()
        let report = try record.parsed { () throws(WireError) in try HCLReport(parsing: evidence.hclReport) }
        let bound = try HCLReportBinding(report, kind: .snp, record: &record)
        let snpReport = try record.parsed { () throws(WireError) in
            try SNPReport(parsing: report.hardwareReport)
        }
        guard case .chipCertificate(let certificate) = evidence.endorsement else {
            throw record.refusal(.certificate, "VCEK", "", "the evidence has no certificate of the chip's key")
        }
        var certificates = authorities
        certificates[.vcek] = certificate
        let verified = try hardware.verify(
            RawEvidence(
                technology: .snp, evidence: SNPEvidence(report: snpReport, certificates: certificates),
                revocationList: revocationList))
        try Self.checkMachine(verified, &record)
        let quote = try bound.verifyQuote(evidence, nonce: nonce, requirements: requirements, record: &record)
        return VerifiedAzureSNP(
            hardware: verified, report: report, runtime: bound.runtime, runtimeDigest: bound.digest, quote: quote,
            record: record)
    }

    /// The report must be the paravisor's own, which runs at the highest level, on the certified chip, and closed to the host.
    private static func checkMachine(
        _ verified: VerifiedEvidence, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let report = verified.report
        try record.require(
            report.vmpl == 0, .vmpl, "VMPL", "\(report.vmpl)", passed: "is the paravisor's level",
            failed: "the report was not made by the paravisor")
        try record.require(
            !report.policy.allowsDebug, .debug, "debug", "", passed: "is off", failed: "the host may read the memory")
        let hardware = verified.endorsement.hardwareID ?? []
        try record.require(
            !hardware.isEmpty && hardware.count <= report.chipID.count
                && report.chipID == hardware + [UInt8](repeating: 0, count: report.chipID.count - hardware.count),
            .chipID, "chip", Hex.encode(report.chipID), passed: "report and certificate agree",
            failed: "the certificate belongs to another chip")
    }
}
