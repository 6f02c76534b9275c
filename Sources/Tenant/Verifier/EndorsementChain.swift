import Crypto
import Evidence
import WireFormat

/// A report key with certificates up to a trusted root, and the lists of revoked certificates of that root; made only by
/// checking them (``SNPVerifier/endorse(_:)``). One chain vouches for all reports of its key, so whoever verifies many keeps it.
///
/// What depends on the time, on the reports and on the verifier's own trust is looked at each time.
public struct EndorsementChain: Sendable {
    let technology: Technology
    let kind: SNPReport.SigningKey
    let root: EndorsementCertificate
    let identity: TrustAnchors.Root
    let intermediate: EndorsementCertificate
    let leaf: EndorsementCertificate
    let key: EndorsedKey
    let publicKey: P384.Signing.PublicKey
    let lists: [RevocationList]
    let record: VerificationRecord

    /// When the first certificate or list expires, in seconds since 1970: fetch anew before.
    public var expires: Int64 { min(endorsedUntil, lists.map(\.nextUpdate).min() ?? .max) }
    /// When the first certificate expires, in seconds since 1970.
    var endorsedUntil: Int64 { min(root.notAfter, intermediate.notAfter, leaf.notAfter) }

    /// Checks leaf, intermediate and root of `raw`, and the lists of its root.
    init(
        _ raw: RawEvidence, anchors: TrustAnchors, revocationLists: [[UInt8]], record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        kind = raw.evidence.report.signingKey
        technology = raw.technology
        let leafKind: CertificateTable.Kind = kind == .vlek ? .vlek : .vcek
        leaf = try Self.certificate(leafKind, in: raw, record)
        intermediate = try Self.certificate(.ask, in: raw, record)
        root = try Self.certificate(.ark, in: raw, record)

        identity = TrustAnchors.Root(root)
        guard let match = anchors.match(identity, for: raw.technology) else {
            throw Self.untrusted(identity, technology, record)
        }
        try Self.checkIssuance(root, intermediate, leaf, &record)
        let line = match.productLine.rawValue
        try record.require(
            intermediate.commonName == (kind == .vlek ? "SEV-VLEK-\(line)" : "SEV-\(line)")
                && leaf.commonName == "SEV-\(leafKind.rawValue)",
            .chain, "chain", "\(leaf.commonName) <- \(intermediate.commonName) <- \(root.commonName)",
            passed: "every certificate is signed by the next", failed: "the certificates have the wrong roles")
        lists = try Self.lists(raw, revocationLists, root, &record)
        guard let publicKey = try? P384.Signing.PublicKey(derRepresentation: leaf.publicKeyInfo) else {
            throw record.refusal(.certificate, leafKind.rawValue, "", "the report key is not a P-384 key")
        }
        do throws(WireError) {
            key = try EndorsedKey(leaf, kind: kind, line: match.productLine, leafKind.rawValue)
        } catch {
            throw record.refusal(.certificate, error.field, "", error.description)
        }
        self.publicKey = publicKey
        self.record = record
    }

    /// Looks at what may have changed since the chain was made: the verifier's trust, the time, what is revoked.
    func check(
        anchors: TrustAnchors, collateral: CollateralPolicy, now: Int64, record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> TrustAnchors.Match {
        guard let match = anchors.match(identity, for: technology) else {
            throw Self.untrusted(identity, technology, record)
        }
        record.pass(
            "root", Hex.encode(identity.fingerprint),
            match.simulated ? "\(root.commonName) of a pinned software stand-in" : "AMD's \(root.commonName)")
        try Self.checkValidity([root, intermediate, leaf], now, &record)
        if lists.isEmpty {
            switch collateral {
            case .revocationListRequired:
                throw record.refusal(.revocation, "revocation", "none", "no list of revoked certificates is at hand")
            case .revocationListOptional(let reason): record.skip("revocation", "none", because: reason)
            }
        }
        for list in lists {
            try record.require(
                list.thisUpdate <= now && now <= list.nextUpdate, .revocation, "revocation list",
                CalendarTime(seconds: now).text,
                passed: "current", failed: "the list of revoked certificates is not current")
            try record.require(
                !list.serials.contains(intermediate.serial), .revocation, "revocation",
                "\(list.serials.count) entries", passed: "no certificate of the chain is listed",
                failed: "\(intermediate.commonName) was revoked")
        }
        return match
    }

    private static func untrusted(
        _ root: TrustAnchors.Root, _ technology: Technology, _ record: VerificationRecord
    ) -> EvidenceRefusal {
        record.refusal(
            .root, "root", Hex.encode(root.fingerprint),
            "\(root.commonName) is not a root that this verifier trusts for \(technology.rawValue)")
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
            early == nil && late == nil, .validity, "validity", CalendarTime(seconds: now).text,
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

    /// The verifier's own lists of the root and the one that came with the evidence, each of them the root's.
    private static func lists(
        _ raw: RawEvidence, _ own: [[UInt8]], _ root: EndorsementCertificate, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> [RevocationList] {
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
        for list in lists {
            let isGenuine =
                list.issuer == root.subject && root.isAuthority(forLists: true)
                && PSSSignature.isValid(list.signature, over: list.signedPart, by: root.publicKeyInfo)
            try record.require(
                isGenuine, .revocation, "revocation list", "", passed: "the root's",
                failed: "the list of revoked certificates is not the root's")
        }
        return lists
    }
}
