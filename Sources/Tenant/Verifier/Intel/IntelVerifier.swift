import Crypto
import Evidence
import WireFormat

/// Finds out whether a quote was made on a platform that Intel's root vouches for (evidence of `tdx` and `sgx`, and of
/// their stand-ins under roots of their own).
///
/// It does no input or output and reads time from the clock it is given. The result says who signed and what Intel thinks
/// of the platform, not whether what was quoted is wanted: that is for ``QuoteRequirements`` and the appraisal.
public struct IntelVerifier: Sendable {
    /// What is at hand beside the quote.
    public enum Endorsements: Sendable {
        /// Intel's published data, checked.
        case collateral(CheckedCollateral)
        /// Nothing: the quote's authenticity is all that can be found out, and that for the stated reason.
        case none(because: String)
    }

    /// The roots, by technology.
    public let anchors: TrustAnchors
    private let clock: @Sendable () -> Int64

    /// Creates a verifier.
    ///
    /// - Parameters:
    ///   - anchors: The roots.
    ///   - clock: The present, in seconds since 1970.
    public init(anchors: TrustAnchors, clock: @escaping @Sendable () -> Int64) {
        self.anchors = anchors
        self.clock = clock
    }

    /// Checks the quote of a trust domain, presented as `tdx` or `soft-tdx`.
    public func verify(
        tdx quote: Quote, as technology: Technology, _ endorsements: Endorsements
    ) throws(EvidenceRefusal) -> VerifiedTDXQuote {
        var record = VerificationRecord()
        guard case .domain(let report) = quote.body, technology == .tdx || technology == .softTDX else {
            throw record.refusal(
                .technology, "technology", technology.rawValue, "the quote is not of a trust domain")
        }
        let endorsement = try endorse(quote, technology, endorsements, &record)
        return VerifiedTDXQuote(
            technology: technology, quote: quote, report: report, endorsement: endorsement, record: record)
    }

    /// Checks the quote of an enclave, presented as `sgx` or `soft-sgx`.
    public func verify(
        sgx quote: Quote, as technology: Technology, _ endorsements: Endorsements
    ) throws(EvidenceRefusal) -> VerifiedSGXQuote {
        var record = VerificationRecord()
        guard case .enclave(let report) = quote.body, technology == .sgx || technology == .softSGX else {
            throw record.refusal(.technology, "technology", technology.rawValue, "the quote is not of an enclave")
        }
        let endorsement = try endorse(quote, technology, endorsements, &record)
        return VerifiedSGXQuote(
            technology: technology, quote: quote, report: report, endorsement: endorsement, record: record)
    }

    private func endorse(
        _ quote: Quote, _ technology: Technology, _ endorsements: Endorsements, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> QuoteEndorsement {
        let now = clock()
        var collateral: CheckedCollateral?
        if case .collateral(let checked) = endorsements {
            collateral = checked
            record = checked.record
        }
        try record.require(
            quote.header.vendorID == QuoteHeader.intelVendor, .qeVendor, "QE vendor",
            Hex.encode(quote.header.vendorID), passed: "Intel", failed: "the quoting enclave is not Intel's")
        let chain = try PCKChain(
            quote.signature.certification, technology: technology, anchors: anchors, collateral: collateral,
            record: &record)
        let dated =
            [chain.leaf, chain.authority, chain.root].map(CheckedCollateral.Dated.init)
            + (collateral?.dated ?? [])
        try CheckedCollateral.check(dated, now, &record)
        try Self.checkSignatures(quote, chain, &record)
        if let collateral { try Self.check(collateral, covers: chain, technology, quote.header.tee, &record) }
        var verdict: TCBVerdict?
        switch endorsements {
        case .collateral(let collateral): verdict = try Self.evaluate(quote, chain, collateral, &record)
        case .none(let reason):
            try Self.checkMaker(quote, technology, &record)
            record.skip("TCB status", "unknown", because: reason)
        }
        return QuoteEndorsement(chain: chain, tcb: verdict, collateral: collateral, dated: dated)
    }

    /// Without published data the quoting enclave must still be Intel's: a platform's key signs the report of any enclave
    /// that its owner grants the right to ask. What Intel publishes as its maker has never changed.
    private static func checkMaker(
        _ quote: Quote, _ technology: Technology, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        guard technology.roots == .intel else {
            record.skip("QE identity", "", because: "the root is that of a stand-in")
            return
        }
        let report = quote.signature.qeReport
        let isTDX = quote.header.tee == .tdx
        let maker =
            isTDX
            ? "dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5"
            : "8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff"
        try record.require(
            Hex.encode(report.mrSigner) == maker && report.productID == (isTDX ? 2 : 1) && !report.isDebug, .qeIdentity,
            "QE identity", Hex.encode(report.mrSigner), passed: "Intel's quoting enclave",
            failed: "the quoting enclave is not the one that Intel makes")
    }

    /// Refuses published data about something else, and a platform that it revokes.
    private static func check(
        _ collateral: CheckedCollateral, covers chain: PCKChain, _ technology: Technology, _ tee: QuoteHeader.TEE,
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let isOfRoot =
            collateral.technology.roots == technology.roots
            && collateral.root.publicKeyInfo == chain.root.publicKeyInfo
        let info = collateral.tcbInfo
        let isOfKind =
            switch tee {
            case .sgx: info.kind == .sgx && collateral.identity.kind == .sgx
            case .tdx: info.kind == .tdx && collateral.identity.kind == .tdx
            }
        try record.require(
            isOfRoot && isOfKind && info.fmspc == chain.platform.fmspc && info.pceID == chain.platform.pceID,
            .collateralTarget, "FMSPC", Hex.encode(chain.platform.fmspc), passed: "the published data is about it",
            failed: "the published data is about another platform or technology")
        let isSame = collateral.authority.map {
            $0.certificate.subject == chain.authority.subject
                && $0.certificate.publicKeyInfo == chain.authority.publicKeyInfo
        }
        let list = collateral.pckList
        try record.require(
            isSame == true || list.isIssued(by: chain.authority), .revocation, "PCK revocation list",
            "\(list.serials.count) entries", passed: "of the authority that certified the platform",
            failed: "the list of revoked certificates is not that of the platform's authority")
        try record.require(
            !collateral.rootList.serials.contains(chain.authority.serial), .revocation, "PCK authority",
            chain.authority.commonName, passed: "is not revoked", failed: "\(chain.authority.commonName) was revoked")
        try record.require(
            !list.serials.contains(chain.leaf.serial), .revocation, "PCK certificate", Hex.encode(chain.leaf.serial),
            passed: "is not revoked", failed: "the platform's certificate was revoked")
    }

    private static func checkSignatures(
        _ quote: Quote, _ chain: PCKChain, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let parts = quote.signature
        try record.require(
            P256Signature.isValid(parts.qeReportSignature, over: parts.qeReport.bytes, by: chain.leaf.key), .qeReport,
            "QE report", "ECDSA P-256", passed: "signed by the platform's key",
            failed: "the quoting enclave's report was not signed by the platform's key")
        let digest = SHA256.hash(data: parts.attestationKey + parts.authenticationData)
        try record.require(
            parts.qeReport.reportData == Array(digest) + [UInt8](repeating: 0, count: 32), .qeBinding,
            "attestation key", "ECDSA P-256", passed: "the quoting enclave vouches for it",
            failed: "the quoting enclave vouches for another key")
        let key = try? P256.Signing.PublicKey(rawRepresentation: parts.attestationKey)
        let isValid = key.map { P256Signature.isValid(parts.signature, over: quote.signedBytes, by: $0) } ?? false
        try record.require(
            isValid, .signature, "signature", "ECDSA P-256", passed: "signed by the attestation key",
            failed: "the quote was changed or was signed by another key")
    }

    private static func evaluate(
        _ quote: Quote, _ chain: PCKChain, _ collateral: CheckedCollateral, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> TCBVerdict {
        let report = quote.signature.qeReport
        let mismatch = collateral.identity.mismatch(report)
        try record.require(
            mismatch == nil, .qeIdentity, "QE identity", Hex.encode(report.mrSigner), passed: "published by Intel",
            failed: "\(mismatch ?? "") is not that of Intel's quoting enclave")
        if case .domain(let domain) = quote.body {
            try record.require(
                isListed(domain, in: collateral.tcbInfo), .tdxModule, "TDX module", Hex.encode(domain.mrSEAM.prefix(8)),
                passed: "signer and attributes are those that Intel published",
                failed: "signer, attributes or version are not those of a TDX module that Intel published")
        }
        let verdict = TCBVerdict(
            of: quote.body, qeReport: report, platform: chain.platform, info: collateral.tcbInfo,
            identity: collateral.identity)
        if case .domain = quote.body {
            try record.require(
                verdict.isRunningModuleListed, .tdxModule, "running TDX module", "",
                passed: "nothing is known against it", failed: "the TDX module that runs now is not published")
        }
        try record.require(
            verdict.status.isAcceptable, .tcbStatus, "TCB status", verdict.status.rawValue,
            passed: "by Intel's data of evaluation \(verdict.evaluationNumber)",
            failed: verdict.status == .revoked
                ? "the platform was revoked" : "the platform reaches no level that Intel supports")
        return verdict
    }

    private static func isListed(_ report: TDReport, in info: TCBInfo) -> Bool {
        let major = report.tcbSVN[1]
        guard let module = major == 0 ? info.module : info.moduleIdentity(major: major)?.module else { return false }
        return report.mrSignerSEAM == module.signer
            && EnclaveIdentity.equals(report.seamAttributes, module.attributes, under: module.mask)
    }
}
