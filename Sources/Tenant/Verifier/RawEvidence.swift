import Evidence
import WireFormat

/// Evidence as it came in: parsed, not trusted.
public struct RawEvidence: Sendable {
    /// The technology that the sender claims; it decides which roots may vouch.
    public let technology: Technology
    /// The report and the certificates that came along.
    public let evidence: SNPEvidence
    /// The root's list of revoked certificates in DER, when one is at hand.
    public let revocationList: [UInt8]?

    /// Joins what came in.
    public init(technology: Technology, evidence: SNPEvidence, revocationList: [UInt8]? = nil) {
        self.technology = technology
        self.evidence = evidence
        self.revocationList = revocationList ?? evidence.certificates[.crl]
    }

    /// Reads the evidence of the key broker protocol.
    ///
    /// - Parameters:
    ///   - tee: The technology's name on the wire.
    ///   - primaryEvidence: The member `primary_evidence`.
    public init(
        tee: String, primaryEvidence: JSONValue, revocationList: [UInt8]? = nil
    ) throws(EvidenceRefusal) {
        let record = VerificationRecord()
        guard let technology = Technology(rawValue: tee), technology.givesSNPReports else {
            throw record.refusal(.technology, "technology", tee, "no verifier knows this technology")
        }
        do throws(WireError) {
            self.init(
                technology: technology, evidence: try SNPEvidence(json: primaryEvidence), revocationList: revocationList
            )
        } catch {
            throw record.refusal(.format, "evidence", error.field, "the evidence is malformed: \(error.description)")
        }
    }
}

/// Evidence whose report was signed by a processor that a trusted root vouches for.
///
/// Only ``SNPVerifier`` makes it. It says nothing yet about what runs there: that is the appraisal's part.
public struct VerifiedEvidence: Sendable {
    /// The technology, confirmed by the root.
    public let technology: Technology
    /// The report.
    public let report: SNPReport
    /// The product line, confirmed by the chain.
    public let productLine: ProductLine
    /// Whether the root is one of a software stand-in; decided by the root alone.
    public let simulated: Bool
    /// SHA-256 of the root certificate.
    public let rootFingerprint: [UInt8]
    /// SHA-256 of the root's public key.
    public let rootKeyFingerprint: [UInt8]
    /// When the first certificate of the chain expires, in seconds since 1970.
    public let endorsedUntil: Int64
    /// What the vendor certifies of the key that signed.
    public let endorsement: EndorsedKey
    let record: VerificationRecord

    init(
        report: SNPReport, chain: EndorsementChain, match: TrustAnchors.Match, record: VerificationRecord
    ) {
        self.technology = chain.technology
        self.report = report
        self.productLine = match.productLine
        self.simulated = match.simulated
        self.rootFingerprint = chain.identity.fingerprint
        self.rootKeyFingerprint = chain.identity.keyFingerprint
        self.endorsedUntil = chain.endorsedUntil
        self.endorsement = chain.key
        self.record = record
    }
}
