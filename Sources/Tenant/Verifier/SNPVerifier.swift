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
        var record = VerificationRecord()
        let report = raw.evidence.report
        guard raw.technology.givesSNPReports else {
            throw record.refusal(
                .technology, "technology", raw.technology.rawValue, "this technology gives no report of this kind")
        }
        record.pass(
            "technology", raw.technology.rawValue, "roots of the set \(raw.technology.roots.rawValue) may vouch")
        guard report.signingKey != .none else {
            throw record.refusal(.unsigned, "signing key", "none", "the report is not signed")
        }
        guard report.signingKey != .vcek || !report.masksChipKey else {
            throw record.refusal(.unsigned, "signing key", "masked", "the chip's key is masked, so nothing was signed")
        }
        let chain = try EndorsementChain(
            raw, anchors: anchors, collateral: collateral, revocationLists: revocationLists, now: clock(),
            record: &record)
        try Self.checkSignature(report, chain, &record)
        try Self.checkProcessor(report, chain, &record)
        return VerifiedEvidence(technology: raw.technology, report: report, chain: chain, record: record)
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
        _ report: SNPReport, _ chain: EndorsementChain, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let line = chain.productLine
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
