import Evidence
import WireFormat

extension SubmissionVerifier {
    private var quoteVerifier: IntelVerifier {
        IntelVerifier(anchors: settings.anchors, clock: settings.clock)
    }

    private func published(_ technology: Technology) throws(EvidenceRefusal) -> IntelVerifier.Endorsements {
        let collateral = try Self.parsed { () throws(WireError) in try settings.endorsements.intel }
        guard let collateral else { return .none(because: "none of Intel's published data is at hand") }
        return .collateral(try CheckedCollateral(collateral, for: technology, anchors: settings.anchors))
    }

    private func requirements(
        _ submission: Submission, initData: QuoteRequirements.Field, _ length: Int
    ) throws(EvidenceRefusal) -> QuoteRequirements {
        var requirements = settings.quotes
        requirements.expected[.reportData] = try Self.padded(submission.reportData, 64, .reportData, "report data")
        requirements.expected[initData] = try Self.padded(
            submission.initDataDigest, length, .hostData, initData.rawValue)
        return requirements
    }

    private static func quote(_ evidence: JSONValue) throws(WireError) -> Quote {
        guard let text = evidence["quote"]?.stringValue else {
            throw WireError(field: "quote", reason: "must be base64")
        }
        return try Quote(parsing: try Base64.decodeEither(text, field: "quote"))
    }

    private static func status(_ endorsement: QuoteEndorsement) -> String? { endorsement.tcb?.status.rawValue }

    /// Evidence of TDX: `{"quote": base64, "cc_eventlog": base64 or null}`.
    func verify(
        domain submission: Submission, as technology: Technology
    ) throws(EvidenceRefusal) -> VerifiedSubmission {
        let (quote, log) = try Self.parsed { () throws(WireError) in
            (try Self.quote(submission.evidence), try Self.eventLog(submission.evidence))
        }
        let verified = try quoteVerifier.verify(tdx: quote, as: technology, try published(technology))
        var fields = try requirements(submission, initData: .mrConfigID, 48).check(verified)
        var claims = TDXClaims.claims(of: verified)
        if let log {
            fields += try EventLogVerifier.verify(log, rtmrs: verified.report.rtmr).fields
            claims["uefi_event_logs"] = .array(EventLogClaims.entries(log))
        }
        return VerifiedSubmission(
            submission, claims: claims, protections: ProtectionView(verified), simulated: verified.simulated,
            debug: verified.report.attributes.debug,
            measurement: BootMeasurement.domain(mrTD: verified.report.mrTD, rtmr: verified.report.rtmr),
            tcbStatus: Self.status(verified.endorsement), fields: fields)
    }

    private static func eventLog(_ evidence: JSONValue) throws(WireError) -> BootEventLog? {
        guard let member = evidence["cc_eventlog"], member != .null else { return nil }
        guard let text = member.stringValue else { throw WireError(field: "cc_eventlog", reason: "must be base64") }
        guard !text.isEmpty else { return nil }
        return try BootEventLog(parsing: try Base64.decodeEither(text, field: "cc_eventlog"))
    }

    /// Evidence of SGX: `{"quote": base64}`.
    func verify(
        enclave submission: Submission, as technology: Technology
    ) throws(EvidenceRefusal) -> VerifiedSubmission {
        let quote = try Self.parsed { () throws(WireError) in try Self.quote(submission.evidence) }
        let verified = try quoteVerifier.verify(sgx: quote, as: technology, try published(technology))
        let fields = try requirements(submission, initData: .configurationID, 64).check(verified)
        return VerifiedSubmission(
            submission, claims: SGXClaims.claims(of: verified), protections: ProtectionView(verified),
            simulated: verified.simulated, debug: verified.report.isDebug, measurement: verified.report.mrEnclave,
            tcbStatus: Self.status(verified.endorsement), fields: fields)
    }

    /// Evidence of a machine on Azure under TDX.
    func verify(azureTDX submission: Submission) throws(EvidenceRefusal) -> VerifiedSubmission {
        let (evidence, nonce) = try Self.parsed { () throws(WireError) in
            let evidence = try AzureVTPMEvidence(json: submission.evidence)
            return (evidence, try Self.nonce(submission, evidence))
        }
        let verified = try AzureTDXVerifier(hardware: quoteVerifier).verify(
            evidence, as: .tdx, try published(.tdx), nonce: nonce)
        let distrusted = try settings.distrust.check(verified.hardware.endorsement)
        if let digest = submission.initDataDigest { try verified.quote.requireInitData(digest: digest) }
        return VerifiedSubmission(
            submission, claims: AzureClaims.claims(of: verified), protections: ProtectionView(verified.hardware),
            measurement: BootMeasurement.machine(verified.quote.registers, behind: verified.hardware.report.mrTD),
            tcbStatus: Self.status(verified.hardware.endorsement),
            fields: Self.undemanded(verified.fields, submission, reportData: ["extraData", "user data"]) + distrusted)
    }
}
