import Crypto
import Evidence
import WireFormat

/// Something that a vendor published, with its signature, subject and dates checked. Only ``EndorsementChecker`` makes it.
public struct CheckedEndorsement: Equatable, Sendable {
    /// What it is.
    public let item: EndorsementItem
    /// Certificates and lists in DER, chains in PEM, documents as they were served.
    public let bytes: [UInt8]
    /// The signer's certificates in PEM, where they come beside the body.
    public let issuerChain: [UInt8]?
    /// From when on it is valid, in seconds since 1970.
    public let from: Int64
    /// Until when it is valid: it must not be used later.
    public let until: Int64
}

/// Tells genuine endorsements from whatever else a service, a mirror or a file may hold.
///
/// It does no input or output. Verifiers check everything again when they use it; this is what keeps a source that lies,
/// or a cache that was tampered with, from getting in the way of one that does not.
public struct EndorsementChecker: Sendable {
    /// The certificates of the authorities of one of AMD's product lines.
    struct Authorities: Sendable {
        var root: EndorsementCertificate
        var chips: EndorsementCertificate
        var providers: EndorsementCertificate
    }

    let authorities: [ProductLine: Authorities]
    let intelRoot: P256Certificate
    let anchors: TrustAnchors
    /// What tells a checker from one that trusts something else: a digest of all that it trusts.
    public let identity: [UInt8]

    /// Creates a checker that trusts the vendors' roots.
    public init() throws(WireError) {
        var authorities: [ProductLine: Authorities] = [:]
        for (line, texts) in VendorCertificates.amd {
            func read(_ text: String) throws(WireError) -> EndorsementCertificate {
                try EndorsementCertificate(der: try Base64.decode(text, field: line.rawValue), line.rawValue)
            }
            authorities[line] = Authorities(
                root: try read(texts.root), chips: try read(texts.chipAuthority),
                providers: try read(texts.providerAuthority))
        }
        let root = try Base64.decode(VendorCertificates.intelRoot, field: "Intel's root")
        self.init(
            authorities: authorities, intelRoot: try P256Certificate(der: root, "Intel's root"), anchors: .hardwareOnly)
    }

    init(authorities: [ProductLine: Authorities], intelRoot: P256Certificate, anchors: TrustAnchors) {
        self.authorities = authorities
        self.intelRoot = intelRoot
        self.anchors = anchors
        var trusted = SHA256()
        for (line, known) in authorities.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            trusted.update(data: Array(line.rawValue.utf8))
            for certificate in [known.root, known.chips, known.providers] {
                trusted.update(data: certificate.fingerprint)
            }
        }
        trusted.update(data: SHA256.hash(data: intelRoot.der).withUnsafeBytes { Array($0) })
        for root in anchors.softRoots.sorted(by: { $0.lexicographicallyPrecedes($1) }) { trusted.update(data: root) }
        identity = Array(trusted.finalize())
    }

    /// Checks what a source gave.
    ///
    /// - Parameters:
    ///   - published: What it gave.
    ///   - item: What it was asked for.
    ///   - now: The time at which it must be valid, in seconds since 1970.
    /// - Throws: ``EvidenceRefusal`` that names the check.
    public func check(
        _ published: PublishedEndorsement, as item: EndorsementItem, at now: Int64
    ) throws(EvidenceRefusal) -> CheckedEndorsement {
        var record = VerificationRecord()
        guard published.bytes.count <= item.sizeLimit else {
            throw record.refusal(.collateral, "size", "\(published.bytes.count)", "exceeds \(item.sizeLimit) bytes")
        }
        let body: [UInt8]
        let dated: [CheckedCollateral.Dated]
        switch item {
        case .chipKey(let line, let chip, let firmware):
            body = try record.read { () throws(WireError) in try Self.der(published.bytes) }
            dated = try checkKey(body, line, chip, firmware, &record)
        case .authorities(let line, let isProviders):
            body = published.bytes
            dated = try checkAuthorities(body, line, isProviders, &record)
        case .amdRevocationList(let line, _):
            body = try record.read { () throws(WireError) in try Self.der(published.bytes) }
            dated = try checkList(body, line, &record)
        case .tcbInfo, .enclaveIdentity:
            body = published.bytes
            dated = try checkDocument(published, item, &record)
        case .platformRevocationList(let authority):
            body = try record.read { () throws(WireError) in try Self.der(published.bytes) }
            dated = try checkList(body, published.issuerChain ?? [], authority, &record)
        case .rootRevocationList:
            body = try record.read { () throws(WireError) in try Self.der(published.bytes) }
            let list = try record.read { () throws(WireError) in try P256RevocationList(der: body, "list") }
            try record.require(
                list.isIssued(by: intelRoot), .revocation, "list", "", passed: "the root's",
                failed: "the list of revoked certificates is not the root's")
            dated = [.init("the list of revoked certificates", .revocation, list.thisUpdate, list.nextUpdate)]
        }
        try CheckedCollateral.check(dated, now, &record)
        return CheckedEndorsement(
            item: item, bytes: body, issuerChain: published.issuerChain, from: dated.map(\.from).max() ?? now,
            until: dated.map(\.until).min() ?? now)
    }

    /// The DER of a certificate or a list that may be in PEM or, as some caches of Intel's data serve lists, in hex.
    private static func der(_ bytes: [UInt8]) throws(WireError) -> [UInt8] {
        if bytes.first == 0x30 { return bytes }
        if bytes.starts(with: Array("-----BEGIN ".utf8)) {
            return try CertificateTable.der(of: bytes, field: "body")
        }
        let digits = bytes.filter { $0 != 0x0A && $0 != 0x0D }
        return try Hex.decode(String(decoding: digits, as: UTF8.self), field: "body")
    }

    private func known(
        _ line: ProductLine, _ record: VerificationRecord
    ) throws(EvidenceRefusal) -> Authorities {
        guard let known = authorities[line] else {
            throw record.refusal(.root, "product line", line.rawValue, "no root of \(line.rawValue) is known")
        }
        return known
    }

    private func checkKey(
        _ der: [UInt8], _ line: ProductLine, _ chip: [UInt8], _ firmware: TCBVersion.Components,
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> [CheckedCollateral.Dated] {
        let authority = try known(line, record).chips
        let (certificate, key) = try record.read { () throws(WireError) in
            let certificate = try EndorsementCertificate(der: der, "VCEK")
            return (certificate, try EndorsedKey(certificate, kind: .vcek, line: line, "VCEK"))
        }
        try record.require(
            certificate.commonName == "SEV-VCEK" && certificate.isIssued(by: authority), .chain, "issuer",
            certificate.commonName, passed: "signed by \(authority.commonName)",
            failed: "\(certificate.commonName) is not signed by \(authority.commonName)")
        try record.require(
            key.productLine == line, .product, "product", key.productName, passed: "as asked for",
            failed: "the certificate is of another product line")
        try record.require(
            key.hardwareID == chip, .chipID, "chip", Hex.encode(key.hardwareID ?? []), passed: "as asked for",
            failed: "the certificate belongs to another chip")
        try record.require(
            key.tcb == firmware, .tcb, "firmware", "", passed: "as asked for",
            failed: "the certificate is for another version of the firmware")
        return [.init(certificate.commonName, .validity, certificate.notBefore, certificate.notAfter)]
    }

    private func checkAuthorities(
        _ pem: [UInt8], _ line: ProductLine, _ isProviders: Bool, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> [CheckedCollateral.Dated] {
        let known = try known(line, record)
        let chain = try record.read { () throws(WireError) in
            let blocks = try PEMBlocks(pem, "cert_chain")
            guard blocks.bodies.count == 2 else {
                throw WireError(field: "cert_chain", reason: "has \(blocks.bodies.count) certificates instead of 2")
            }
            return (
                authority: try EndorsementCertificate(der: blocks.der(0), "ASK"),
                root: try EndorsementCertificate(der: blocks.der(1), "ARK")
            )
        }
        try record.require(
            chain.root.publicKeyInfo == known.root.publicKeyInfo && chain.root.isIssued(by: chain.root), .root, "root",
            Hex.encode(chain.root.fingerprint), passed: "AMD's root of \(line.rawValue)",
            failed: "\(chain.root.commonName) is not the root of \(line.rawValue)")
        let name = isProviders ? "SEV-VLEK-\(line.rawValue)" : "SEV-\(line.rawValue)"
        try record.require(
            chain.authority.commonName == name && chain.authority.isAuthority()
                && chain.authority.isIssued(by: chain.root),
            .chain, "authority", chain.authority.commonName, passed: "signed by the root",
            failed: "\(chain.authority.commonName) is not \(name) or not signed by the root")
        return [chain.authority, chain.root].map { .init($0.commonName, .validity, $0.notBefore, $0.notAfter) }
    }

    private func checkList(
        _ der: [UInt8], _ line: ProductLine, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> [CheckedCollateral.Dated] {
        let root = try known(line, record).root
        let list = try record.read { () throws(WireError) in try RevocationList(der: der) }
        try record.require(
            list.issuer == root.subject && root.isAuthority(forLists: true)
                && PSSSignature.isValid(list.signature, over: list.signedPart, by: root.publicKeyInfo),
            .revocation, "list", "", passed: "the root's",
            failed: "the list of revoked certificates is not that of \(root.commonName)")
        return [.init("the list of revoked certificates", .revocation, list.thisUpdate, list.nextUpdate)]
    }

    private func checkDocument(
        _ published: PublishedEndorsement, _ item: EndorsementItem, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> [CheckedCollateral.Dated] {
        let technology: Technology
        let member: String
        switch item {
        case .tcbInfo(let tee, _): (technology, member) = (tee.technology(anchors), "tcbInfo")
        case .enclaveIdentity(let tee): (technology, member) = (tee.technology(anchors), "enclaveIdentity")
        default: throw record.refusal(.collateral, "item", item.key, "is no document")
        }
        let document = try record.read { () throws(WireError) in
            try IntelCollateral.SignedDocument(
                response: published.bytes, member: member, issuerChain: published.issuerChain ?? [])
        }
        let signer = try TCBSigner(document.issuerChain, technology, anchors, member, &record)
        try signer.check(document, member, &record)
        let isWanted: Bool
        let dates: (Int64, Int64)
        switch item {
        case .tcbInfo(let tee, let fmspc):
            let info = try record.read { () throws(WireError) in try TCBInfo(parsing: document.content) }
            isWanted = info.fmspc == fmspc && info.kind == (tee == .tdx ? .tdx : .sgx)
            dates = (info.issued, info.nextUpdate)
        default:
            let identity = try record.read { () throws(WireError) in try EnclaveIdentity(parsing: document.content) }
            isWanted = item == .enclaveIdentity(identity.kind == .tdx ? .tdx : .sgx)
            dates = (identity.issued, identity.nextUpdate)
        }
        try record.require(
            isWanted, .collateralTarget, member, "", passed: "as asked for",
            failed: "the published data is about another platform or technology")
        return [
            .init(member, .collateralDate, dates.0, dates.1), .init(signer.certificate), .init(signer.root),
        ]
    }

    private func checkList(
        _ der: [UInt8], _ chain: [UInt8], _ wanted: EndorsementItem.PlatformAuthority,
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> [CheckedCollateral.Dated] {
        let (list, authority, root) = try record.read { () throws(WireError) in
            let blocks = try PEMBlocks(chain, "issuer chain")
            guard blocks.bodies.count == 2 else {
                throw WireError(field: "issuer chain", reason: "has \(blocks.bodies.count) certificates instead of 2")
            }
            return (
                try P256RevocationList(der: der, "list"), try P256Certificate(der: blocks.der(0), "PCK authority"),
                try P256Certificate(der: blocks.der(1), "root")
            )
        }
        try record.require(
            root.publicKeyInfo == intelRoot.publicKeyInfo && PCKChain.isRoot(root), .root, "root", root.commonName,
            passed: "Intel's root key", failed: "\(root.commonName) is not Intel's root")
        try record.require(
            authority.commonName == wanted.commonName && PCKChain.isAuthority(authority, under: root)
                && list.isIssued(by: authority),
            .revocation, "list", authority.commonName, passed: "the authority's",
            failed: "the list of revoked certificates is not that of \(wanted.commonName)")
        return [
            .init("the list of revoked certificates", .revocation, list.thisUpdate, list.nextUpdate),
            .init(authority), .init(root),
        ]
    }
}

extension CheckedCollateral.Dated {
    fileprivate init(_ name: String, _ check: EvidenceCheck, _ from: Int64, _ until: Int64) {
        self.init(name: name, check: check, from: from, until: until)
    }
}

extension QuoteHeader.TEE {
    /// Under which technology's roots the vendor's data falls: that of a stand-in when roots of stand-ins are trusted.
    fileprivate func technology(_ anchors: TrustAnchors) -> Technology {
        switch self {
        case .sgx: anchors.softRoots.isEmpty ? .sgx : .softSGX
        case .tdx: anchors.softRoots.isEmpty ? .tdx : .softTDX
        }
    }
}

extension VerificationRecord {
    /// What `parse` gives; malformed data of a vendor ends the check.
    fileprivate func read<Value>(_ parse: () throws(WireError) -> Value) throws(EvidenceRefusal) -> Value {
        do throws(WireError) { return try parse() } catch {
            throw refusal(.collateral, error.field, "", error.description)
        }
    }
}
