import Crypto
import Evidence
import WireFormat

/// Finds out whether a report was signed by a processor that a trusted root vouches for (evidence of `snp` and `soft-snp`).
///
/// It does no input or output and reads time from the clock it is given. The result says who signed, not whether what was
/// signed is wanted: that is for ``Appraiser``.
public struct SNPVerifier: Sendable {
    /// The roots, by technology.
    public let anchors: TrustAnchors
    /// What is demanded beside the certificates.
    public let collateral: CollateralPolicy
    /// Lists of revoked certificates in DER that the verifier's owner has; the one of the chain's root is checked beside
    /// what came with the evidence, which is the host's choice.
    public let revocationLists: [[UInt8]]
    private let clock: @Sendable () -> Int64

    /// Creates a verifier.
    ///
    /// - Parameters:
    ///   - anchors: The roots.
    ///   - collateral: What the absence of a revocation list means.
    ///   - revocationLists: Lists of the owner's own.
    ///   - clock: The present, in seconds since 1970.
    public init(
        anchors: TrustAnchors, collateral: CollateralPolicy, revocationLists: [[UInt8]] = [],
        clock: @escaping @Sendable () -> Int64
    ) {
        self.revocationLists = revocationLists
        self.anchors = anchors
        self.collateral = collateral
        self.clock = clock
    }

    /// Checks certificates and signature, and that both speak of one processor.
    public func verify(_ raw: RawEvidence) throws(EvidenceRefusal) -> VerifiedEvidence {
        try verify(raw.evidence.report, endorsedBy: try endorse(raw))
    }

    /// Checks the certificates that came with evidence, for its report and all others that the same key signed.
    public func endorse(_ raw: RawEvidence) throws(EvidenceRefusal) -> EndorsementChain {
        var record = VerificationRecord()
        guard raw.technology.givesSNPReports else {
            throw record.refusal(
                .technology, "technology", raw.technology.rawValue, "this technology gives no report of this kind")
        }
        record.pass(
            "technology", raw.technology.rawValue, "roots of the set \(raw.technology.roots.rawValue) may vouch")
        try Self.checkKind(raw.evidence.report, record)
        return try EndorsementChain(raw, anchors: anchors, revocationLists: revocationLists, record: &record)
    }

    /// Checks a report against a chain that was made before: its time, what is revoked, and the report's signature.
    public func verify(
        _ report: SNPReport, endorsedBy chain: EndorsementChain
    ) throws(EvidenceRefusal) -> VerifiedEvidence {
        var record = chain.record
        try Self.checkKind(report, record)
        guard report.signingKey == chain.kind else {
            throw record.refusal(
                .chain, "signing key", "\(report.signingKey)", "the certificates are of another kind of key")
        }
        let match = try chain.check(
            anchors: anchors, collateral: collateral, own: revocationLists, now: clock(), record: &record)
        try Self.checkSignature(report, chain, &record)
        try Self.checkProcessor(report, chain, match.productLine, &record)
        return VerifiedEvidence(report: report, chain: chain, match: match, record: record)
    }

    private static func checkKind(_ report: SNPReport, _ record: VerificationRecord) throws(EvidenceRefusal) {
        guard report.signingKey != .none else {
            throw record.refusal(.unsigned, "signing key", "none", "the report is not signed")
        }
        guard report.signingKey != .vcek || !report.masksChipKey else {
            throw record.refusal(.unsigned, "signing key", "masked", "the chip's key is masked, so nothing was signed")
        }
    }

    private static func checkSignature(
        _ report: SNPReport, _ chain: EndorsementChain, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        var isValid = false
        if let bytes = report.bigEndianSignature,
            let signature = try? P384.Signing.ECDSASignature(rawRepresentation: bytes)
        {
            isValid = chain.publicKey.isValidSignature(signature, for: SHA384.hash(data: report.signedBytes))
        }
        try record.require(
            isValid, .signature, "signature", "ECDSA P-384", passed: "signed by the certified key",
            failed: "the report was changed or was signed by another key")
    }

    private static func checkProcessor(
        _ report: SNPReport, _ chain: EndorsementChain, _ line: ProductLine, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let named = report.version < 3 ? line : report.productLine
        try record.require(
            chain.key.productLine == line && named == line, .product, "product", chain.key.productName,
            passed: "report and certificates agree", failed: "report and certificates name different processors")
        let reported = report.reportedTCB.components(line.layout)
        try record.require(
            reported == chain.key.tcb && report.reportedTCB.reservedIsZero(line.layout), .tcb, "reported TCB",
            Hex.encode(report.reportedTCB.bytes), passed: "the key was derived from this firmware",
            failed: "the key was not derived from the firmware that the report names")
    }
}
