import Evidence
import WireFormat

extension SubmissionVerifier {
    var reportVerifier: SNPVerifier {
        SNPVerifier(
            anchors: settings.anchors, collateral: settings.collateral,
            revocationLists: settings.endorsements.amdRevocationLists, clock: settings.clock)
    }

    /// Evidence of SEV-SNP: `{"attestation_report": {…}, "cert_chain": […]}`.
    func verify(
        report submission: Submission, as technology: Technology
    ) throws(EvidenceRefusal) -> VerifiedSubmission {
        let evidence = try Self.parsed { () throws(WireError) in
            let sent = try SNPEvidence(json: submission.evidence)
            return SNPEvidence(
                report: sent.report, certificates: try settings.endorsements.certificates(for: sent))
        }
        let verified = try reportVerifier.verify(RawEvidence(technology: technology, evidence: evidence))
        let fields = try check(verified, submission)
        return VerifiedSubmission(
            submission, claims: SNPClaims.claims(of: verified),
            protections: ProtectionView(verified, firmware: settings.reports.firmware), simulated: verified.simulated,
            debug: verified.report.policy.allowsDebug, measurement: verified.report.measurement.bytes, fields: fields)
    }

    private func check(
        _ verified: VerifiedEvidence, _ submission: Submission
    ) throws(EvidenceRefusal) -> [FieldVerdict] {
        let report = verified.report
        let reportData = try Self.padded(submission.reportData, 64, .reportData, "report data")
        let hostData = try Self.padded(submission.initDataDigest, 32, .hostData, "host data") ?? report.hostData
        let appraisal = try Appraiser(requirements: settings.reports, references: .none).appraise(
            verified,
            expecting: Expectations(
                reportData: reportData ?? report.reportData,
                launch: hostData.allSatisfy { $0 == 0 } ? .unbound : .initData(digest: hostData)))
        return Self.undemanded(
            // The built-in policy's status is not the one of this service's policy.
            appraisal.fields.filter { $0.field != "status" }, submission, reportData: ["report data"],
            initData: ["host data"])
    }

    /// Evidence of a machine on Azure under SEV-SNP.
    func verify(azureSNP submission: Submission) throws(EvidenceRefusal) -> VerifiedSubmission {
        let (evidence, authorities, nonce) = try Self.parsed { () throws(WireError) in
            let evidence = try AzureVTPMEvidence(json: submission.evidence)
            let report = try SNPReport(parsing: try HCLReport(parsing: evidence.hclReport).hardwareReport)
            var sent: [CertificateTable.Kind: [UInt8]] = [:]
            if case .chipCertificate(let der) = evidence.endorsement { sent[.vcek] = der }
            let authorities = try settings.endorsements.certificates(
                for: SNPEvidence(report: report, certificates: sent))
            return (evidence, authorities, try Self.nonce(submission, evidence))
        }
        let verified = try AzureSNPVerifier(hardware: reportVerifier).verify(
            evidence, authorities: authorities, nonce: nonce)
        let distrusted = try settings.distrust.check(verified.hardware)
        if let digest = submission.initDataDigest { try verified.quote.requireInitData(digest: digest) }
        return VerifiedSubmission(
            submission, claims: AzureClaims.claims(of: verified),
            protections: ProtectionView(verified.hardware, firmware: settings.reports.firmware),
            measurement: BootMeasurement.machine(
                verified.quote.registers, behind: verified.hardware.report.measurement.bytes),
            fields: Self.undemanded(verified.fields, submission, reportData: ["extraData", "user data"]) + distrusted)
    }

    /// What a vTPM's quote must be made for: what is demanded, or else what it says itself.
    static func nonce(_ submission: Submission, _ evidence: AzureVTPMEvidence) throws(WireError) -> [UInt8] {
        if let demanded = submission.reportData { return demanded }
        return try TPMAttestation(parsing: evidence.message).extraData
    }
}
