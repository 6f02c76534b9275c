import Evidence
import WireFormat

/// Certificates of a TPM's keys and of their issuers, and the roots that the verifier's owner trusts for TPMs. No root is built in:
/// every maker has its own, and a machine's owner may run one.
public struct TPMEndorsements: Sendable {
    private let certificates: [TPMCertificate]
    private let roots: [TPMCertificate]
    private let distrust: Distrust

    private static let limit = 64
    /// Issuers between a key and its root.
    private static let depth = 6

    /// What certificates say of the key that signed a quote.
    public enum Finding: Equatable, Sendable {
        /// A root vouches that the key is one of a TPM that signs nothing but what the TPM made.
        case attestationKey
        /// A root vouches for the endorsement key of some TPM. Whether the key that signed lives in that TPM takes an exchange
        /// with it: a credential that only that TPM can open for that key.
        case endorsementKeyOnly
        /// There are no certificates.
        case nothing
    }

    /// Reads certificates, which may be PEM with several in a file.
    public init(
        certificates: [(name: String, bytes: [UInt8])], roots: [(name: String, bytes: [UInt8])],
        distrust: Distrust = .nothing
    ) throws(WireError) {
        self.certificates = try Self.read(certificates)
        self.roots = try Self.read(roots)
        self.distrust = distrust
    }

    private static func read(_ files: [(name: String, bytes: [UInt8])]) throws(WireError) -> [TPMCertificate] {
        var found: [TPMCertificate] = []
        for file in files {
            let isPEM = file.bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "-")
            for der in isPEM ? try EndorsementFiles.blocks(file.name, file.bytes) : [file.bytes] {
                guard found.count < limit else {
                    throw WireError(field: file.name, reason: "brings more than \(limit) certificates")
                }
                found.append(try TPMCertificate(der: der, file.name))
            }
        }
        return found
    }

    /// Finds out who vouches for the key that signed.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - now: The time at which certificates must be valid, in seconds since 1970.
    ///   - fields: What was looked at is appended.
    /// - Throws: ``EvidenceRefusal`` for a certificate of the key that is not genuine, has another purpose or is not valid now, and
    ///   for certificates of neither this key nor an endorsement key.
    public func examine(
        _ key: AttestationKey, at now: Int64, fields: inout [FieldVerdict]
    ) throws(EvidenceRefusal) -> Finding {
        var record = VerificationRecord(fields)
        defer { fields = record.fields }
        guard !certificates.isEmpty else { return .nothing }
        if let leaf = certificates.first(where: { $0.key.hasSameKey(as: key) }) {
            try checkPurpose(ofAttestation: leaf, &record)
            try checkPath(leaf, now, &record)
            return .attestationKey
        }
        guard
            let leaf = certificates.first(where: {
                $0.extensions.purposes.contains(TPMCertificateExtensions.endorsementPurpose)
            })
        else {
            throw record.refusal(
                .certificate, "AK certificate", "",
                "no certificate is for the key that signed, nor for an endorsement key")
        }
        try checkPurpose(ofEndorsement: leaf, &record)
        try checkPath(leaf, now, &record)
        return .endorsementKeyOnly
    }

    private func checkPurpose(
        ofAttestation leaf: TPMCertificate, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let extensions = leaf.extensions
        try record.require(
            extensions.purposes.contains(TPMCertificateExtensions.attestationPurpose) && !extensions.claimsAuthority
                && (extensions.usage ?? 0) & 0x80 != 0,
            .tpmCertificate, "AK certificate", leaf.title, passed: "for a key that attests (2.23.133.8.3)",
            failed: "is not for a key that attests: it needs the purpose 2.23.133.8.3, may sign, and is no authority")
    }

    /// TCG EK credential profile: purpose, usage by kind of key, and the TPM named in the alternative name.
    private func checkPurpose(
        ofEndorsement leaf: TPMCertificate, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let extensions = leaf.extensions
        // keyEncipherment for RSA, keyAgreement for curves.
        let usage: UInt8 = leaf.key.isRSA ? 0x20 : 0x08
        try record.require(
            !extensions.claimsAuthority && (extensions.usage ?? 0) & usage != 0, .tpmCertificate, "EK certificate",
            leaf.title, passed: "for an endorsement key (2.23.133.8.1)",
            failed:
                "is not for an endorsement key: it needs the usage \(leaf.key.isRSA ? "keyEncipherment" : "keyAgreement") and is no authority"
        )
        try record.require(
            extensions.machine.map { $0.manufacturer.hasPrefix("id:") && $0.version.hasPrefix("id:") } ?? false
                && (!leaf.hasEmptySubject || extensions.isAlternativeNameCritical),
            .tpmCertificate, "EK certificate", extensions.machine?.title ?? "no TPM", passed: "names its TPM",
            failed: "does not name maker, model and version of its TPM as the profile has it")
    }

    private func checkPath(
        _ leaf: TPMCertificate, _ now: Int64, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        var path = [leaf]
        while true {
            let current = path[path.count - 1]
            // Authorities between the next one and the leaf.
            let below = path.count - 1
            if let root = roots.first(where: { current.isIssued(by: $0, below: below) }) {
                path.append(root)
                break
            }
            guard path.count <= Self.depth,
                let issuer = certificates.first(where: { candidate in
                    current.isIssued(by: candidate, below: below) && !path.contains { $0.der == candidate.der }
                })
            else {
                let known = certificates.contains { $0.subject == current.issuer }
                let isRootMissing = roots.isEmpty
                throw record.refusal(
                    isRootMissing || !known ? .root : .chain, "TPM chain", current.title,
                    isRootMissing
                        ? "no root is trusted for TPMs: --tpm-root FILE names one"
                        : "\(current.title) is not signed by a root that is trusted for TPMs, nor by a certificate that was given"
                )
            }
            path.append(issuer)
        }
        let root = path[path.count - 1]
        record.pass(
            "TPM chain", path.map(\.title).joined(separator: " <- "), "every certificate is signed by the next")
        record.pass("TPM root", Hex.encode(root.fingerprint), "trusted for TPMs by whoever verifies")
        try distrust.check(roots: [root.fingerprint, root.publicKeyFingerprint], &record)
        try CheckedCollateral.check(
            path.map { .init(name: $0.title, check: .validity, from: $0.notBefore, until: $0.notAfter) }, now, &record)
        record.skip("TPM revocation", "", because: "lists of revoked certificates of TPM makers are not read")
    }
}
