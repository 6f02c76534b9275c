import Crypto
import Evidence
import WireFormat

/// A report key with certificates up to a trusted root; made only by checking them.
struct EndorsementChain: Sendable {
    let productLine: ProductLine
    let simulated: Bool
    let rootFingerprint: [UInt8]
    let rootKeyFingerprint: [UInt8]
    let endorsedUntil: Int64
    let key: EndorsedKey
    let publicKey: P384.Signing.PublicKey

    /// Checks leaf, intermediate and root of `raw`.
    init(
        _ raw: RawEvidence, anchors: TrustAnchors, collateral: CollateralPolicy, revocationLists: [[UInt8]],
        now: Int64, record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let kind = raw.evidence.report.signingKey
        let leafKind: CertificateTable.Kind = kind == .vlek ? .vlek : .vcek
        let root = try Self.certificate(.ark, in: raw, record)
        let intermediate = try Self.certificate(.ask, in: raw, record)
        let leaf = try Self.certificate(leafKind, in: raw, record)

        guard let match = anchors.match(root, for: raw.technology) else {
            throw record.refusal(
                .root, "root", Hex.encode(root.fingerprint),
                "\(root.commonName) is not a root that this verifier trusts for \(raw.technology.rawValue)")
        }
        record.pass(
            "root", Hex.encode(root.fingerprint),
            match.simulated ? "\(root.commonName) of a pinned software stand-in" : "AMD's \(root.commonName)")
        try Self.checkValidity([root, intermediate, leaf], now, &record)
        try Self.checkIssuance(root, intermediate, leaf, &record)
        let line = match.productLine.rawValue
        try record.require(
            intermediate.commonName == (kind == .vlek ? "SEV-VLEK-\(line)" : "SEV-\(line)")
                && leaf.commonName == "SEV-\(leafKind.rawValue)",
            .chain, "chain", "\(leaf.commonName) <- \(intermediate.commonName) <- \(root.commonName)",
            passed: "every certificate is signed by the next", failed: "the certificates have the wrong roles")
        try Self.checkRevocation(raw, revocationLists, root, intermediate, collateral, now, &record)

        guard let publicKey = try? P384.Signing.PublicKey(derRepresentation: leaf.publicKeyInfo) else {
            throw record.refusal(.certificate, leafKind.rawValue, "", "the report key is not a P-384 key")
        }
        do throws(WireError) {
            key = try EndorsedKey(leaf, kind: kind, line: match.productLine, leafKind.rawValue)
        } catch {
            throw record.refusal(.certificate, error.field, "", error.description)
        }
        self.publicKey = publicKey
        productLine = match.productLine
        simulated = match.simulated
        rootFingerprint = root.fingerprint
        rootKeyFingerprint = root.publicKeyFingerprint
        endorsedUntil = min(root.notAfter, intermediate.notAfter, leaf.notAfter)
    }

    private static func certificate(
        _ kind: CertificateTable.Kind, in raw: RawEvidence, _ record: VerificationRecord
    ) throws(EvidenceRefusal) -> EndorsementCertificate {
        guard let der = raw.evidence.certificates[kind] else {
            throw record.refusal(.certificate, kind.rawValue, "", "the evidence has no \(kind.rawValue) certificate")
        }
        do throws(WireError) {
            return try EndorsementCertificate(der: der, kind.rawValue)
        } catch {
            throw record.refusal(.certificate, kind.rawValue, "", error.description)
        }
    }

    private static func checkValidity(
        _ certificates: [EndorsementCertificate], _ now: Int64, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let early = certificates.first { now < $0.notBefore }
        let late = certificates.first { $0.notAfter < now }
        try record.require(
            early == nil && late == nil, .validity, "validity", "\(now)",
            passed: "all certificates are valid at this time",
            failed: early.map { "\($0.commonName) is not valid yet" } ?? "\(late?.commonName ?? "one") has expired")
    }

    private static func checkIssuance(
        _ root: EndorsementCertificate, _ intermediate: EndorsementCertificate, _ leaf: EndorsementCertificate,
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        for (certificate, authority) in [(root, root), (intermediate, root), (leaf, intermediate)] {
            try record.require(
                authority.isAuthority() && certificate.isIssued(by: authority), .chain, "issuer",
                certificate.commonName, passed: "signed by \(authority.commonName)",
                failed: "\(certificate.commonName) is not signed by \(authority.commonName)")
        }
        try record.require(
            !leaf.claimsAuthority, .chain, "role", leaf.commonName, passed: "no authority",
            failed: "the report key's certificate claims to be an authority")
    }

    private static func checkRevocation(
        _ raw: RawEvidence, _ own: [[UInt8]], _ root: EndorsementCertificate, _ intermediate: EndorsementCertificate,
        _ policy: CollateralPolicy, _ now: Int64, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        var lists: [RevocationList] = []
        do throws(WireError) {
            for der in own {
                let list = try RevocationList(der: der)
                if list.issuer == root.subject { lists.append(list) }
            }
            if let der = raw.revocationList { lists.append(try RevocationList(der: der)) }
        } catch {
            throw record.refusal(.revocation, "revocation", "", error.description)
        }
        if lists.isEmpty {
            switch policy {
            case .revocationListRequired:
                throw record.refusal(.revocation, "revocation", "none", "no list of revoked certificates is at hand")
            case .revocationListOptional(let reason): record.skip("revocation", "none", because: reason)
            }
        }
        for list in lists { try check(list, root, intermediate, now, &record) }
    }

    private static func check(
        _ list: RevocationList, _ root: EndorsementCertificate, _ intermediate: EndorsementCertificate, _ now: Int64,
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let isGenuine =
            list.issuer == root.subject && root.isAuthority(forLists: true)
            && PSSSignature.isValid(list.signature, over: list.signedPart, by: root.publicKeyInfo)
        try record.require(
            isGenuine, .revocation, "revocation list", "", passed: "the root's",
            failed: "the list of revoked certificates is not the root's")
        try record.require(
            list.thisUpdate <= now && now <= list.nextUpdate, .revocation, "revocation list", "\(now)",
            passed: "current", failed: "the list of revoked certificates is not current")
        try record.require(
            !list.serials.contains(intermediate.serial), .revocation, "revocation", "\(list.serials.count) entries",
            passed: "no certificate of the chain is listed", failed: "\(intermediate.commonName) was revoked")
    }
}
