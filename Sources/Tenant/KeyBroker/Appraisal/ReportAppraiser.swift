import Evidence
import Verifier
import WireFormat

/// The appraiser of SNP reports, real and simulated, over the project's verifier.
public struct ReportAppraiser: EvidenceAppraiser {
    private let anchors: TrustAnchors
    private let revocationLists: [String]
    private let shelf: EndorsementShelf?
    private let policy: any AppraisalPolicy
    private let clock: BrokerClock
    private let chains = EndorsementChains()

    /// Creates an appraiser that trusts AMD's roots and, for `soft-snp` only, the pinned soft roots.
    ///
    /// - Parameters:
    ///   - softRoots: Fingerprints of stand-ins' roots.
    ///   - revocationLists: Files with lists of revoked certificates, which have to be there from the start.
    ///   - shelf: What AMD publishes, as far as it is here or can be fetched; nil for what evidence brings alone.
    ///   - policy: The tenant's policy, which can only take away from what the built-in one trusts.
    ///   - clock: Where the time comes from.
    init(
        softRoots: [String], revocationLists: [String] = [], shelf: EndorsementShelf? = nil,
        policy: (any AppraisalPolicy)? = nil,
        clock: BrokerClock = .system
    ) throws(BrokerError) {
        self.policy = policy.map { StricterPolicy(StandardPolicy(), $0) } ?? StandardPolicy()
        self.revocationLists = revocationLists
        self.clock = clock
        self.shelf = shelf
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

    private func verifier(_ lists: [[UInt8]]) -> SNPVerifier {
        SNPVerifier(
            anchors: anchors,
            collateral: .revocationListOptional(because: "the broker has no revocation list of this root"),
            revocationLists: lists, clock: { [clock] in clock.seconds })
    }

    /// Real and simulated SNP.
    public var technologies: Set<String> { [Technology.snp.rawValue, Technology.softSNP.rawValue] }

    /// Verifies chain and signature, then the bindings, the guest policy and the measurement.
    public func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence {
        let lists: [[UInt8]]
        do { lists = try self.lists() } catch {
            throw AppraisalFailure(
                check: EvidenceCheck.revocation.rawValue, reason: "a revocation list cannot be read",
                note: error.detail)
        }
        let raw: RawEvidence
        do { raw = try RawEvidence(tee: bundle.technology, primaryEvidence: bundle.primaryEvidence) } catch {
            throw AppraisalFailure(check: error.check.rawValue, reason: error.reason)
        }
        let appraisal: Appraisal
        if let shelf, raw.technology == .snp {
            let report = raw.evidence.report
            appraisal = try await shelf.verifying(
                .report(raw.evidence),
                isBound: report.reportData == bundle.reportData
                    && report.hostData == Self.hostData(bundle.hostData ?? [])
            ) { (files) throws(EvidenceRefusal) in
                try appraise(try raw.endorsed(by: files), bundle, lists: files.amdRevocationLists)
            }
        } else {
            // A stand-in has no vendor.
            do { appraisal = try appraise(raw, bundle, lists: lists) } catch {
                throw AppraisalFailure(check: error.check.rawValue, reason: error.reason)
            }
        }
        // What the built-in policy would find so bad is refused before; a tenant's own policy may find more.
        guard appraisal.status != .contraindicated else {
            throw AppraisalFailure(
                check: EvidenceCheck.policy.rawValue,
                reason: "attestation policy \(appraisal.policyIdentifier) finds the guest contraindicated")
        }
        return AppraisedEvidence(
            technology: appraisal.technology.rawValue, simulated: appraisal.simulated, debug: appraisal.isDebugGuest,
            measurement: appraisal.measurement.hex, protections: appraisal.protections, submodule: appraisal.submodule)
    }

    /// HOST_DATA has 32 bytes: longer digests are cut, as the protocol has it.
    private static func hostData(_ digest: [UInt8]) -> [UInt8] {
        Array((digest + [UInt8](repeating: 0, count: 32)).prefix(32))
    }

    private func appraise(
        _ raw: RawEvidence, _ bundle: EvidenceBundle, lists: [[UInt8]]
    ) throws(EvidenceRefusal) -> Appraisal {
        var requirements = EvidenceRequirements.strict
        requirements.distrust = bundle.distrust
        let verifier = verifier(lists)
        return try Appraiser(requirements: requirements, references: bundle.references, policy: policy).appraise(
            try verifier.verify(raw.evidence.report, endorsedBy: try chains.chain(of: raw, by: verifier)),
            expecting: Expectations(
                reportData: bundle.reportData,
                launch: bundle.hostData.map { .initData(digest: Self.hostData($0)) } ?? .unbound,
                allowsDebugGuest: bundle.allowsDebugGuest, guestVersion: bundle.guestVersion,
                runtimeDataClaims: bundle.runtimeDataClaims, initDataClaims: bundle.initData?.claims ?? .null))
    }
}
