import Crypto
import Evidence
import WireFormat

/// What vouches for a verified quote. Only ``IntelVerifier`` makes it.
public struct QuoteEndorsement: Sendable {
    /// What Intel certifies of the platform.
    public let platform: EndorsedPlatform
    /// Intel's verdict about the platform; nil when none of its published data was at hand.
    public let tcb: TCBVerdict?
    /// SHA-256 of the root certificate.
    public let rootFingerprint: [UInt8]
    /// SHA-256 of the root's public key.
    public let rootKeyFingerprint: [UInt8]
    /// SHA-384 of the root's key as an uncompressed point.
    public let rootKeyID: [UInt8]
    /// The numbers of the lists of revoked certificates: the root's and that of PCK certificates; nil without them.
    public let listNumbers: (root: Int, pck: Int)?
    /// When the oldest and the newest of all that vouches was issued, in seconds since 1970.
    public let issued: ClosedRange<Int64>
    /// When the first of all that vouches expires, in seconds since 1970.
    public let endorsedUntil: Int64

    init(
        chain: PCKChain, tcb: TCBVerdict?, collateral: CheckedCollateral?, dated: [CheckedCollateral.Dated]
    ) {
        platform = chain.platform
        self.tcb = tcb
        rootFingerprint = chain.root.fingerprint
        rootKeyFingerprint = chain.root.publicKeyFingerprint
        rootKeyID = Array(SHA384.hash(data: chain.root.key.x963Representation))
        listNumbers = collateral.map { (root: $0.rootList.number, pck: $0.pckList.number) }
        let starts = dated.map(\.from)
        let first = starts.min() ?? 0
        issued = first...max(first, starts.max() ?? 0)
        endorsedUntil = dated.map(\.until).min() ?? 0
    }
}

/// A quote, made on a platform that a trusted root vouches for. Only ``IntelVerifier`` makes it.
public struct VerifiedQuote<Report: Sendable>: Sendable {
    /// The technology, confirmed by the root.
    public let technology: Technology
    /// The quote.
    public let quote: Quote
    /// What the processor reported: a trust domain or an enclave.
    public let report: Report
    /// What vouches for it.
    public let endorsement: QuoteEndorsement
    let record: VerificationRecord

    /// Whether the root is one of a software stand-in.
    public var simulated: Bool { technology.isSimulated }
    /// All that was looked at, in order.
    public var fields: [FieldVerdict] { record.fields }

    init(
        technology: Technology, quote: Quote, report: Report, endorsement: QuoteEndorsement,
        record: VerificationRecord
    ) {
        self.technology = technology
        self.quote = quote
        self.report = report
        self.endorsement = endorsement
        self.record = record
    }
}

/// The verified quote of a trust domain.
public typealias VerifiedTDXQuote = VerifiedQuote<TDReport>

/// The verified quote of an enclave.
public typealias VerifiedSGXQuote = VerifiedQuote<SGXReportBody>
