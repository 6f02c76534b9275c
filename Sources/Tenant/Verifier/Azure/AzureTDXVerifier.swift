import Evidence
import WireFormat

/// A machine on Azure under TDX: genuine hardware, whose paravisor runs the vTPM that quoted the registers for the nonce. Only
/// ``AzureTDXVerifier`` makes it.
public struct VerifiedAzureTDX: Sendable {
    /// The TD quote and its endorsement.
    public let hardware: VerifiedTDXQuote
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
    public var fields: [FieldVerdict] { hardware.fields + record.fields + quote.fields }
}

/// Follows the chain of Azure's evidence under TDX: Intel's root, TD quote, runtime data, attestation key, quote.
public struct AzureTDXVerifier: Sendable {
    private let hardware: IntelVerifier
    private let requirements: TPMQuoteRequirements

    /// Creates a verifier that trusts what `hardware` trusts.
    public init(hardware: IntelVerifier, requirements: TPMQuoteRequirements = .strict) {
        self.hardware = hardware
        self.requirements = requirements
    }

    /// Checks evidence. The vendor's status of the platform is in the result; it is for policy to judge.
    ///
    /// - Parameters:
    ///   - evidence: What the machine sent.
    ///   - technology: Whose roots may vouch.
    ///   - endorsements: Intel's published data.
    ///   - nonce: What the TPM's quote must have been made for.
    public func verify(
        _ evidence: AzureVTPMEvidence, as technology: Technology = .tdx,
        _ endorsements: IntelVerifier.Endorsements, nonce: [UInt8]
    ) throws(EvidenceRefusal) -> VerifiedAzureTDX {
        var record = VerificationRecord()
        let report = try record.parsed { () throws(WireError) in try HCLReport(parsing: evidence.hclReport) }
        let bound = try HCLReportBinding(report, kind: .tdx, record: &record)
        guard case .quote(let bytes) = evidence.endorsement else {
            throw record.refusal(.unsigned, "TD quote", "", "the evidence has no TD quote")
        }
        let quote = try record.parsed { () throws(WireError) in try Quote(parsing: bytes) }
        let verified = try hardware.verify(tdx: quote, as: technology, endorsements)
        // The TDREPORT has a MAC that only its own machine can check: what counts is what the quote says.
        try record.require(
            verified.report.reportData == HCLReportBinding.reportData(bound.digest), .azureReport, "TD quote",
            Hex.encode(verified.report.reportData), passed: "is over the runtime data",
            failed: "the TD quote is over other runtime data")
        try record.require(
            !verified.report.attributes.debug, .debug, "debug", "", passed: "is off",
            failed: "the host may read the memory")
        try record.require(
            !verified.report.attributes.migratable, .migratable, "MIGRATABLE", "", passed: "is off",
            failed: "the trust domain may be exported to another machine")
        let registers = try bound.verifyQuote(evidence, nonce: nonce, requirements: requirements, record: &record)
        return VerifiedAzureTDX(
            hardware: verified, report: report, runtime: bound.runtime, runtimeDigest: bound.digest, quote: registers,
            record: record)
    }
}
