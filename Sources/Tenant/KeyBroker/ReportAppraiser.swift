import Evidence
import Verifier
import WireFormat

/// The appraiser of SNP reports, real and simulated, over the project's verifier.
public struct ReportAppraiser: EvidenceAppraiser {
    private let anchors: TrustAnchors
    private let revocationLists: [String]
    private let clock: BrokerClock

    /// Creates an appraiser that trusts AMD's roots and, for `soft-snp` only, the pinned soft roots.
    ///
    /// - Parameter revocationLists: Files with lists of revoked certificates, which have to be there from the start.
    public init(
        softRoots: [String], revocationLists: [String] = [], clock: BrokerClock = .system
    ) throws(BrokerError) {
        self.revocationLists = revocationLists
        self.clock = clock
        do {
            anchors = try TrustAnchors(softRootFingerprints: softRoots)
        } catch {
            throw BrokerError(.failed, check: "configuration", "softRoots: \(error.reason)")
        }
        _ = try lists()
    }

    /// The lists as the files hold them now: a list that was renewed counts at once, one that went away refuses.
    private func lists() throws(BrokerError) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for path in revocationLists { found.append(try PrivateFile.readPublic(path, what: "revocation list")) }
        return found
    }

    private func verifier() throws(AppraisalFailure) -> SNPVerifier {
        do {
            return SNPVerifier(
                anchors: anchors,
                collateral: .revocationListOptional(because: "the broker has no revocation list of this root"),
                revocationLists: try lists(), clock: { [clock] in clock.seconds })
        } catch {
            throw AppraisalFailure(check: "revocation", reason: error.detail)
        }
    }

    /// Real and simulated SNP.
    public var technologies: Set<String> { [Technology.snp.rawValue, Technology.softSNP.rawValue] }

    /// Verifies chain and signature, then the bindings, the guest policy and the measurement.
    public func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence {
        let verifier = try verifier()
        do {
            let raw = try RawEvidence(tee: bundle.technology, primaryEvidence: bundle.primaryEvidence)
            let verified = try verifier.verify(raw)
            let appraisal = try Appraiser(references: bundle.references).appraise(
                verified,
                expecting: Expectations(
                    reportData: bundle.reportData, launch: .initData(digest: bundle.hostData),
                    allowsDebugGuest: bundle.allowsDebugGuest, guestVersion: bundle.guestVersion,
                    runtimeDataClaims: bundle.runtimeDataClaims))
            return AppraisedEvidence(
                technology: appraisal.technology.rawValue, simulated: appraisal.simulated,
                debug: appraisal.isDebugGuest, measurement: appraisal.measurement.hex,
                submodule: appraisal.submodule)
        } catch {
            throw AppraisalFailure(check: error.check.rawValue, reason: error.reason)
        }
    }
}
