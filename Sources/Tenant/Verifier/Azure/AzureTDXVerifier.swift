import Evidence
import WireFormat

/// What Azure's evidence needs of a TD quote that was verified.
public protocol VerifiedTDReport: Sendable {
    /// REPORTDATA (64 bytes).
    var reportData: [UInt8] { get }
}

/// Verifies TD quotes: signature, certificates, collateral. The verifier of Intel's quotes is one; nothing is accepted without.
public protocol TDQuoteVerifying: Sendable {
    /// What it makes of a good quote.
    associatedtype Verified: VerifiedTDReport
    /// Checks a quote as it came in.
    func verify(quote: [UInt8]) throws(EvidenceRefusal) -> Verified
}

/// Refuses every quote; for callers that have no verifier of Intel's quotes.
public struct RefusingQuoteVerifier: TDQuoteVerifying {
    /// Never made.
    public struct Verified: VerifiedTDReport {
        /// Nothing.
        public let reportData: [UInt8]
    }

    /// Creates it.
    public init() {}

    /// Refuses.
    public func verify(quote: [UInt8]) throws(EvidenceRefusal) -> Verified {
        throw VerificationRecord().refusal(.technology, "TD quote", "", "there is no verifier of TD quotes here")
    }
}

/// A machine on Azure under TDX: genuine hardware, whose paravisor runs the vTPM that quoted the registers for the nonce. Only
/// ``AzureTDXVerifier`` makes it.
public struct VerifiedAzureTDX<Hardware: VerifiedTDReport>: Sendable {
    /// The verified TD quote.
    public let hardware: Hardware
    /// The paravisor's report.
    public let report: HCLReport
    /// The runtime data that the hardware vouches for.
    public let runtime: AzureRuntimeData
    /// SHA-256 of the runtime data.
    public let runtimeDigest: [UInt8]
    /// The vTPM's quote.
    public let quote: VerifiedTPMQuote
    let record: VerificationRecord

    /// What was looked at, the TD quote left out.
    public var fields: [FieldVerdict] { record.fields + quote.fields }
}

/// Follows the chain of Azure's evidence under TDX: Intel's root, TD quote, runtime data, attestation key, quote.
public struct AzureTDXVerifier<Quotes: TDQuoteVerifying>: Sendable {
    private let quotes: Quotes
    private let requirements: TPMQuoteRequirements

    /// Creates a verifier that trusts the quotes that `quotes` verifies.
    public init(quotes: Quotes, requirements: TPMQuoteRequirements = .strict) {
        self.quotes = quotes
        self.requirements = requirements
    }

    /// Checks evidence.
    ///
    /// - Parameters:
    ///   - evidence: What the machine sent.
    ///   - nonce: What the TPM's quote must have been made for.
    public func verify(
        _ evidence: AzureVTPMEvidence, nonce: [UInt8]
    ) throws(EvidenceRefusal) -> VerifiedAzureTDX<Quotes.Verified> {
        var record = VerificationRecord()
        let report = try record.parsed { () throws(WireError) in try HCLReport(parsing: evidence.hclReport) }
        let bound = try HCLReportBinding(report, kind: .tdx, record: &record)
        guard case .quote(let bytes) = evidence.endorsement else {
            throw record.refusal(.unsigned, "TD quote", "", "the evidence has no TD quote")
        }
        let hardware = try quotes.verify(quote: bytes)
        // The TDREPORT has a MAC that only its own machine can check: what counts is what the quote says.
        try record.require(
            hardware.reportData == HCLReportBinding.reportData(bound.digest), .azureReport, "TD quote",
            Hex.encode(hardware.reportData), passed: "is over the runtime data",
            failed: "the TD quote is over other runtime data")
        let quote = try bound.verifyQuote(evidence, nonce: nonce, requirements: requirements, record: &record)
        return VerifiedAzureTDX(
            hardware: hardware, report: report, runtime: bound.runtime, runtimeDigest: bound.digest, quote: quote,
            record: record)
    }
}
