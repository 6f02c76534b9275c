import Evidence
import WireFormat

/// What Intel publishes beside a platform's certificates, parsed, and every signature in it checked.
///
/// Making it costs several signature checks; it is a value to be kept and used for many quotes. It never goes stale
/// unnoticed: dates are compared with the clock at every use.
public struct CheckedCollateral: Sendable {
    /// Something with dates; whoever uses it outside of them refuses.
    struct Dated: Sendable {
        var name: String
        var check: EvidenceCheck
        /// Seconds since 1970.
        var from: Int64
        var until: Int64
    }

    /// An authority whose certificate was checked, with the PEM by which it is recognised without reading it again.
    struct Authority: Sendable {
        var certificate: P256Certificate
        var body: [UInt8]
        var rootBody: [UInt8]
    }

    /// The technology that the data was checked for.
    public let technology: Technology
    let root: P256Certificate
    let tcbInfo: TCBInfo
    let identity: EnclaveIdentity
    let rootList: P256RevocationList
    let pckList: P256RevocationList
    /// The authority that signed ``pckList``; nil when no certificate of it came along.
    let authority: Authority?
    let dated: [Dated]
    let record: VerificationRecord

    /// When the first part expires, in seconds since 1970: fetch anew before.
    public var expires: Int64 { dated.map(\.until).min() ?? 0 }
    /// Family, model, stepping, platform and custom SKU that the data is about (6 bytes).
    public var fmspc: [UInt8] { tcbInfo.fmspc }

    /// Checks all signatures, and that nobody who signed was revoked. All parts must be there.
    ///
    /// - Parameters:
    ///   - collateral: What was fetched.
    ///   - technology: The technology of the quotes that it is for; it decides which roots may vouch.
    ///   - anchors: The roots.
    public init(
        _ collateral: IntelCollateral, for technology: Technology, anchors: TrustAnchors
    ) throws(EvidenceRefusal) {
        var record = VerificationRecord()
        let info = try Self.present(collateral.tcbInfo, "TCB info", record)
        let identity = try Self.present(collateral.qeIdentity, "QE identity", record)
        let rootDER = try Self.present(collateral.rootRevocationList, "list of the root", record)
        let pckDER = try Self.present(collateral.pckRevocationList, "list of PCK certificates", record)
        let signer = try TCBSigner(info.issuerChain, technology, anchors, "TCB info", &record)
        let identitySigner =
            info.issuerChain == identity.issuerChain
            ? signer : try TCBSigner(identity.issuerChain, technology, anchors, "QE identity", &record)
        try signer.check(info, "TCB info", &record)
        try identitySigner.check(identity, "QE identity", &record)
        do throws(WireError) {
            rootList = try P256RevocationList(der: rootDER, "root revocation list")
            pckList = try P256RevocationList(der: pckDER, "PCK revocation list")
            tcbInfo = try TCBInfo(parsing: info.content)
            self.identity = try EnclaveIdentity(parsing: identity.content)
        } catch {
            throw record.refusal(.collateral, "collateral", error.field, error.description)
        }
        try record.require(
            rootList.isIssued(by: signer.root), .revocation, "root revocation list",
            "\(rootList.serials.count) entries",
            passed: "signed by the root", failed: "the list of revoked certificates is not the root's")
        let isRevoked =
            rootList.serials.contains(signer.certificate.serial)
            || rootList.serials.contains(identitySigner.certificate.serial)
        try record.require(
            !isRevoked, .revocation, "TCB signer", signer.certificate.commonName, passed: "is not revoked",
            failed: "the signer of the published data was revoked")
        authority = try Self.authority(collateral, pckList, signer.root, &record)
        var dated = [
            Dated(name: "the TCB info", check: .collateralDate, from: tcbInfo.issued, until: tcbInfo.nextUpdate),
            Dated(
                name: "the QE identity", check: .collateralDate, from: self.identity.issued,
                until: self.identity.nextUpdate),
            Dated(
                name: "the root's list of revoked certificates", check: .collateralDate, from: rootList.thisUpdate,
                until: rootList.nextUpdate),
            Dated(
                name: "the list of revoked PCK certificates", check: .collateralDate, from: pckList.thisUpdate,
                until: pckList.nextUpdate),
        ]
        for certificate in [signer.root, signer.certificate, identitySigner.certificate]
            + (authority.map { [$0.certificate] } ?? [])
        {
            dated.append(Dated(certificate))
        }
        self.dated = dated
        self.technology = technology
        root = signer.root
        self.record = record
    }

    private static func present<Part>(
        _ part: Part?, _ name: String, _ record: VerificationRecord
    ) throws(EvidenceRefusal) -> Part {
        guard let part else { throw record.refusal(.collateral, "collateral", name, "the \(name) is missing") }
        return part
    }

    private static func authority(
        _ collateral: IntelCollateral, _ list: P256RevocationList, _ root: P256Certificate,
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> Authority? {
        guard let chain = collateral.pckRevocationListChain else { return nil }
        let authority: Authority
        let ownRoot: P256Certificate
        do throws(WireError) {
            let field = "PCK revocation list chain"
            let blocks = try PEMBlocks(chain, field)
            guard blocks.bodies.count == 2 else { throw WireError(field: field, reason: "must be two certificates") }
            let der = try blocks.der(1)
            ownRoot = der == root.der ? root : try P256Certificate(der: der, field)
            authority = Authority(
                certificate: try P256Certificate(der: blocks.der(0), field), body: blocks.bodies[0],
                rootBody: blocks.bodies[1])
        } catch {
            throw record.refusal(.collateral, "collateral", error.field, error.description)
        }
        let certificate = authority.certificate
        let isChain =
            ownRoot.publicKeyInfo == root.publicKeyInfo && PCKChain.isAuthority(certificate, under: ownRoot)
        try record.require(
            isChain && list.isIssued(by: certificate), .revocation, "PCK revocation list",
            "\(list.serials.count) entries", passed: "signed by \(certificate.commonName)",
            failed: "the list of revoked certificates is not the authority's")
        return authority
    }

    /// Refuses unless every part is current.
    static func check(_ dated: [Dated], _ now: Int64, _ record: inout VerificationRecord) throws(EvidenceRefusal) {
        let moment = CalendarTime(seconds: now).text
        for item in dated {
            let reason =
                now < item.from
                ? "is not valid yet: from \(CalendarTime(seconds: item.from).text)"
                : now > item.until ? "has expired, on \(CalendarTime(seconds: item.until).text)" : ""
            try record.require(
                item.from <= now && now <= item.until, item.check, "validity", moment,
                passed: item.name, failed: "\(item.name) \(reason)")
        }
    }
}

extension CheckedCollateral.Dated {
    /// The dates of a certificate.
    init(_ certificate: P256Certificate) {
        self.init(
            name: certificate.commonName, check: .validity, from: certificate.notBefore, until: certificate.notAfter)
    }
}
