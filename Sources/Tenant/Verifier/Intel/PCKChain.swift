import Evidence
import WireFormat

/// A platform's key with certificates up to a trusted root; made only by checking them.
struct PCKChain: Sendable {
    let leaf: P256Certificate
    let authority: P256Certificate
    let root: P256Certificate
    let platform: EndorsedPlatform

    private static let rootName = "Intel SGX Root CA"
    private static let authorityNames: Set<String> = ["Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"]
    private static let leafName = "Intel SGX PCK Certificate"

    /// Checks the certificates of a quote: the platform's, its authority's, the root's. Dates are left to the caller.
    init(
        _ certification: CertificationData, technology: Technology, anchors: TrustAnchors,
        collateral: CheckedCollateral?, record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        guard certification.type == CertificationData.chain else {
            throw record.refusal(
                .certificate, "certification data", "\(certification.type)",
                "the quote brings no certificates of the platform's key")
        }
        var isKnown = false
        do throws(WireError) {
            let blocks = try PEMBlocks(certification.bytes, "PCK chain")
            guard blocks.bodies.count == 3 else {
                throw WireError(field: "PCK chain", reason: "has \(blocks.bodies.count) certificates instead of 3")
            }
            leaf = try P256Certificate(der: blocks.der(0), "PCK certificate")
            platform = try EndorsedPlatform(leaf, "PCK certificate")
            if let collateral, let known = collateral.authority, known.body == blocks.bodies[1],
                known.rootBody == blocks.bodies[2]
            {
                (authority, root, isKnown) = (known.certificate, collateral.root, true)
            } else {
                authority = try P256Certificate(der: blocks.der(1), "PCK authority")
                root = try P256Certificate(der: blocks.der(2), "root")
            }
        } catch {
            throw record.refusal(.certificate, error.field, "", error.description)
        }
        try record.require(
            anchors.vouches(root, for: technology), .root, "root", root.commonName,
            passed: technology.isSimulated ? "a pinned root of a software stand-in" : "Intel's root key",
            failed: "\(root.commonName) is not a root that this verifier trusts for \(technology.rawValue)")
        let isChain =
            (isKnown || Self.isRoot(root) && Self.isAuthority(authority, under: root))
            && leaf.commonName == Self.leafName && !leaf.claimsAuthority && leaf.maySignDocuments
            && leaf.isIssued(by: authority)
        try record.require(
            isChain, .chain, "chain", leaf.commonName, passed: "every certificate is signed by the next",
            failed: "\(leaf.commonName) <- \(authority.commonName) <- \(root.commonName) is no chain of a PCK")
    }

    /// Whether a certificate has the shape of the root and signed itself.
    static func isRoot(_ root: P256Certificate) -> Bool {
        root.commonName == rootName && root.isAuthority(below: 1) && root.isIssued(by: root)
    }

    /// Whether a certificate is that of an authority for PCK certificates, signed by `root`.
    static func isAuthority(_ certificate: P256Certificate, under root: P256Certificate) -> Bool {
        authorityNames.contains(certificate.commonName) && certificate.isAuthority(below: 0)
            && certificate.isIssued(by: root)
    }
}
