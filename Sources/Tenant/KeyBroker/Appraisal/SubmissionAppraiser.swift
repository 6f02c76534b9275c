import Envelope
import Evidence
import Verifier
import WireFormat

/// The appraiser of all technologies but SEV-SNP: TDX, SGX, TPM, Azure's machines and Arm realms, over the attestation service.
///
/// A Rego policy judges what runs, because launch measurements alone say it of none of them. Nothing passes whose
/// executables the policy does not affirm, and no reservation counts as minor but that a stand-in or a TPM isolates nothing.
public struct SubmissionAppraiser: EvidenceAppraiser {
    private let service: AttestationEvaluator
    /// The same for guests whose manifest asks for debugging.
    private let debugging: AttestationEvaluator
    private let shelf: EndorsementShelf

    /// Creates an appraiser.
    ///
    /// - Parameters:
    ///   - settings: Whom it believes.
    ///   - shelf: What vendors publish, as far as it is here or can be fetched.
    ///   - references: What policies compare claims with.
    ///   - policy: The tenant's policy; nil for the default one.
    init(
        settings: VerificationSettings, shelf: EndorsementShelf, references: any ReferenceValueSource,
        policy: String? = nil
    ) throws(WireError) {
        self.shelf = shelf
        var relaxed = settings
        relaxed.allowDebugging()
        service = try AttestationEvaluator(SubmissionVerifier(settings), references: references)
        debugging = try AttestationEvaluator(SubmissionVerifier(relaxed), references: references)
        if let policy {
            try service.setPolicy(DefaultPolicy.identifier, source: policy)
            try debugging.setPolicy(DefaultPolicy.identifier, source: policy)
        }
    }

    /// Everything that the attestation service can verify, without SEV-SNP, which has stricter rules of its own.
    public var technologies: Set<String> {
        SubmissionVerifier.technologies.subtracting([Technology.snp.rawValue, Technology.softSNP.rawValue])
    }

    /// Verifies the evidence and asks the policy.
    public func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence {
        let submission = Submission(
            tee: bundle.technology, evidence: bundle.primaryEvidence,
            // The handshake's digest has 48 bytes; each technology pads or cuts it as its agents do.
            runtimeData: .structured(bundle.runtimeDataClaims), hash: .sha384,
            initData: bundle.initData.map { .document($0) } ?? bundle.hostData.map { .digest($0) } ?? .none)
        let evaluator = bundle.allowsDebugGuest ? debugging : service
        let result = try await shelf.verifying(submission.endorsed, isBound: submission.isStatedlyBound) {
            (files) throws(EvidenceRefusal) in
            try evaluator.evaluate(submission, endorsements: files, distrusting: bundle.distrust)
        }
        try Self.checkTrust(result)
        let verified = result.verified
        return AppraisedEvidence(
            technology: verified.tee, simulated: verified.simulated, debug: verified.debug,
            measurement: verified.measurement.map { Hex.encode($0) } ?? "", protections: verified.protections,
            submodule: result.submodule)
    }

    private static func checkTrust(_ result: AttestationResult) throws(AppraisalFailure) {
        let vector = result.verdict.trustVector
        let check = EvidenceCheck.policy.rawValue
        let name = result.policyIdentifier
        guard TrustTier(claim: vector.claims[.executables] ?? 0) == .affirming else {
            throw AppraisalFailure(check: check, reason: "attestation policy \(name) does not know what runs")
        }
        let verified = result.verified
        let mayWarn = verified.simulated || verified.protections.mechanism == .tpm
        func isEnough(_ subject: TrustVector.Subject, _ tier: TrustTier) -> Bool {
            tier == .affirming
                || (tier == .warning && mayWarn && (subject == .hardware || subject == .configuration))
        }
        for (subject, claim) in vector.claims.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let tier = TrustTier(claim: claim)
            guard isEnough(subject, tier) else {
                throw AppraisalFailure(
                    check: check, reason: "attestation policy \(name) says \(subject.rawValue): \(tier.name)")
            }
        }
        // Silence is no trust: a policy that looks at what runs alone has not looked at who says so.
        for subject in [TrustVector.Subject.hardware, .configuration] where vector.claims[subject] == nil {
            throw AppraisalFailure(
                check: check, reason: "attestation policy \(name) says nothing of \(subject.rawValue)")
        }
        try checkHardware(verified)
    }

    /// What no policy can do without: somebody vouches for the key that signed, and Intel for the platform's state.
    private static func checkHardware(_ verified: VerifiedSubmission) throws(AppraisalFailure) {
        let attested = verified.protections.findings[.attested]
        guard attested?.isGiven ?? false else {
            throw AppraisalFailure(
                check: EvidenceCheck.protection.rawValue,
                reason: "the machine is not attested: \(attested?.reason ?? "nothing is known of it")")
        }
        let needsStatus = ["tdx", "sgx", "az-tdx-vtpm"].contains(verified.tee)
        guard !needsStatus || verified.tcbStatus != nil else {
            throw AppraisalFailure(
                check: EvidenceCheck.collateral.rawValue, reason: "Intel's status of the platform is not known")
        }
    }
}

/// Several appraisers, each for its technologies; the first that knows one has it.
public struct AppraiserTable: EvidenceAppraiser {
    private let appraisers: [any EvidenceAppraiser]

    /// Joins appraisers.
    public init(_ appraisers: [any EvidenceAppraiser]) { self.appraisers = appraisers }

    /// What any of them understands.
    public var technologies: Set<String> { appraisers.reduce(into: []) { $0.formUnion($1.technologies) } }

    /// Asks the one that understands the technology.
    public func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence {
        guard let appraiser = appraisers.first(where: { $0.technologies.contains(bundle.technology) }) else {
            throw AppraisalFailure(
                check: EvidenceCheck.technology.rawValue, reason: "evidence of this technology is not understood")
        }
        return try await appraiser.appraise(bundle)
    }
}
