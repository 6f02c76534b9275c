import Evidence
import WireFormat

/// Whom an attestation service believes, and what it demands of evidence before a policy gets to see its claims.
public struct VerificationSettings: Sendable {
    /// The roots, by technology.
    public var anchors: TrustAnchors
    /// Certificates, revocation lists and Intel's published data that are at hand.
    public var endorsements: EndorsementFiles
    /// What the absence of AMD's revocation list means.
    public var collateral: CollateralPolicy
    /// The Arm platforms that somebody vouches for.
    public var platforms: [CCAEndorsement]
    /// The keys of TPMs that somebody vouches for, as SubjectPublicKeyInfo.
    public var attestationKeys: Set<[UInt8]>
    /// Certificates of TPMs' keys and the roots that they lead to; nil for none.
    public var tpm: TPMEndorsements?
    /// What is not trusted though its vendor vouches for it.
    public var distrust: Distrust = .nothing {
        didSet {
            reports.distrust = distrust
            quotes.distrust = distrust
        }
    }
    /// What SEV-SNP reports must show.
    public var reports: EvidenceRequirements
    /// What quotes of TDX and SGX must show.
    public var quotes: QuoteRequirements
    /// The present, in seconds since 1970.
    public var clock: @Sendable () -> Int64

    /// Settings that trust what `anchors` trusts and nobody else.
    public init(
        anchors: TrustAnchors = .hardwareOnly, endorsements: EndorsementFiles = EndorsementFiles(),
        clock: @escaping @Sendable () -> Int64
    ) {
        self.anchors = anchors
        self.endorsements = endorsements
        self.clock = clock
        collateral = .revocationListOptional(because: "no list of this root is at hand")
        platforms = []
        attestationKeys = []
        let judged = EvidenceRequirements.Rule.ignored(because: "the appraisal policy judges it")
        reports = .strict
        reports.singleSocket = judged
        reports.knownMeasurement = judged
        reports.providers = .any(because: "no provider is named")
        quotes = .strict
        quotes.septVEDisable = judged
        quotes.noServiceTD = judged
        quotes.status = judged
    }

    /// Lets guests pass whose memory the host may read; what they protect says so.
    public mutating func allowDebugging() {
        let judged = EvidenceRequirements.Rule.ignored(because: "debugging is allowed here")
        reports.noDebug = judged
        quotes.noDebug = judged
    }
}
