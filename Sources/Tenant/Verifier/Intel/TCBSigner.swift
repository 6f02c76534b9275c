import Evidence
import WireFormat

/// Who signs what Intel publishes as JSON: a certificate of its own under the root.
struct TCBSigner {
    private static let commonName = "Intel SGX TCB Signing"

    let certificate: P256Certificate
    let root: P256Certificate

    init(
        _ chain: [UInt8], _ technology: Technology, _ anchors: TrustAnchors, _ name: String,
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        do throws(WireError) {
            let field = "\(name) issuer chain"
            let blocks = try PEMBlocks(chain, field)
            guard blocks.bodies.count == 2 else { throw WireError(field: field, reason: "must be two certificates") }
            certificate = try P256Certificate(der: blocks.der(0), field)
            root = try P256Certificate(der: blocks.der(1), field)
        } catch {
            throw record.refusal(.collateral, "collateral", error.field, error.description)
        }
        let isSigner =
            certificate.commonName == Self.commonName && !certificate.claimsAuthority && certificate.maySignDocuments
            && PCKChain.isRoot(root) && certificate.isIssued(by: root)
        try record.require(
            anchors.vouches(root, for: technology), .root, "\(name) root", root.commonName,
            passed: technology.isSimulated ? "a pinned root of a software stand-in" : "Intel's root key",
            failed: "\(root.commonName) is not a root that this verifier trusts for \(technology.rawValue)")
        try record.require(
            isSigner, .collateralSigner, "\(name) signer",
            certificate.commonName, passed: "certified by \(root.commonName)",
            failed: "\(certificate.commonName) may not sign the \(name)")
    }

    func check(
        _ document: IntelCollateral.SignedDocument, _ name: String, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        try record.require(
            P256Signature.isValid(document.signature, over: document.content, by: certificate.key),
            .collateralSignature, "\(name) signature", "ECDSA P-256", passed: "signed byte for byte",
            failed: "the \(name) was changed or was signed by another key")
    }
}
