import Evidence
import Verifier
import WireFormat

/// The appraiser of SNP reports, real and simulated, over the project's verifier.
public struct ReportAppraiser: EvidenceAppraiser {
    private let verifier: SNPVerifier

    /// Creates an appraiser that trusts AMD's roots and, for `soft-snp` only, the pinned soft roots.
    public init(softRoots: [String], clock: BrokerClock = .system) throws(BrokerError) {
        do {
            verifier = SNPVerifier(
                anchors: try TrustAnchors(softRootFingerprints: softRoots),
                collateral: .revocationListOptional(because: "the broker has no revocation list of its own"),
                clock: { clock.seconds })
        } catch {
            throw BrokerError(.failed, check: "configuration", "softRoots: \(error.reason)")
        }
    }

    /// Real and simulated SNP.
    public var technologies: Set<String> { [Technology.snp.rawValue, Technology.softSNP.rawValue] }

    /// Verifies chain and signature, then the bindings, the guest policy and the measurement.
    public func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence {
        do {
            let raw = try RawEvidence(tee: bundle.technology, primaryEvidence: bundle.primaryEvidence)
            let verified = try verifier.verify(raw)
            let appraisal = try Appraiser(references: bundle.references).appraise(
                verified,
                expecting: Expectations(
                    reportData: bundle.reportData, launch: .initData(digest: bundle.hostData),
                    allowsDebugGuest: bundle.allowsDebugGuest, runtimeDataClaims: bundle.runtimeDataClaims))
            return AppraisedEvidence(
                technology: appraisal.technology.rawValue, simulated: appraisal.simulated,
                debug: appraisal.isDebugGuest, measurement: appraisal.measurement.hex,
                submodule: appraisal.submodule)
        } catch {
            throw AppraisalFailure(check: error.check.rawValue, reason: error.reason)
        }
    }
}
