import Evidence
import WireFormat

/// A statement that a TPM's attestation key signed; only ``TPMQuoteVerifier`` makes it. It need not be a quote, and says
/// nothing yet about freshness.
public struct SignedTPMAttestation: Sendable {
    /// The statement.
    public let attestation: TPMAttestation
    /// The signature, which is valid.
    public let signature: TPMSignature
    /// The key that signed.
    public let key: AttestationKey
    let record: VerificationRecord
}

/// A fresh quote over known register values; only ``TPMQuoteVerifier`` makes it.
public struct VerifiedTPMQuote: Sendable {
    /// The statement and its signature.
    public let signed: SignedTPMAttestation
    /// The banks with their selected registers, in the order of the digest.
    public let selections: [TPMPCRSelection]
    /// The values that the quote vouches for, no others.
    public let registers: PCRBanks
    let record: VerificationRecord

    /// What was looked at.
    public var fields: [FieldVerdict] { record.fields }
}

/// Finds out whether a TPM signed the values of its registers for a nonce.
public struct TPMQuoteVerifier: Sendable {
    /// What is demanded beside authenticity.
    public let requirements: TPMQuoteRequirements

    /// Creates a verifier.
    public init(requirements: TPMQuoteRequirements = .strict) { self.requirements = requirements }

    /// Checks the signature over `message`, the bytes of a TPMS_ATTEST.
    public func authenticate(
        _ message: [UInt8], signature: TPMSignature, key: AttestationKey
    ) throws(EvidenceRefusal) -> SignedTPMAttestation {
        var record = VerificationRecord()
        let attestation = try record.parsed { () throws(WireError) in try TPMAttestation(parsing: message) }
        try Self.checkKey(key, signature, &record)
        try record.require(
            requirements.signatureHashes.contains(signature.hash), .tpmSignatureHash, "signature hash",
            signature.hash.name, passed: "is allowed", failed: "signatures over \(signature.hash.name) are not accepted"
        )
        try record.require(
            key.isValid(signature, over: message), .signature, "signature", signature.schemeName,
            passed: "signed by the attestation key",
            failed: "the statement was changed or was signed by another key")
        return SignedTPMAttestation(attestation: attestation, signature: signature, key: key, record: record)
    }

    private static func checkKey(
        _ key: AttestationKey, _ signature: TPMSignature, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        guard let area = key.publicArea else {
            record.skip(
                "attestation key", Hex.encode(TPMHash.sha256.digest(key.publicKeyInfo)),
                because: "the key came without the TPM's statement about it")
            return
        }
        try record.require(
            area.attributes.isSuperset(of: .attestationKey) && !area.attributes.contains(.decrypt),
            .tpmAttestationKey, "attestation key", String(area.attributes.rawValue, radix: 16),
            passed: "a restricted signing key that cannot leave its TPM",
            failed: "is not a restricted signing key that was made in, and is fixed to, its TPM")
    }

    /// Checks that a signed statement is a quote for `nonce` over the values in `registers`.
    public func verify(
        _ signed: SignedTPMAttestation, nonce: [UInt8], registers: PCRBanks
    ) throws(EvidenceRefusal) -> VerifiedTPMQuote {
        var record = signed.record
        let attestation = signed.attestation
        try record.require(
            attestation.trailing.isEmpty, .tpmTrailingBytes, "TPMS_ATTEST", "\(attestation.trailing.count) bytes",
            passed: "nothing follows the statement", failed: "bytes follow the statement")
        guard case .quote(let selections, let digest) = attestation.body else {
            throw record.refusal(.tpmQuoteType, "type", "", "the TPM signed something that is not a quote")
        }
        try record.require(
            attestation.extraData == nonce, .tpmNonce, "extraData", Hex.encode(attestation.extraData),
            passed: "is the nonce", failed: "is not the nonce that was expected")
        try checkSelections(selections, &record)

        var quoted = PCRBanks()
        var missing: String?
        var content: [UInt8] = []
        for selection in selections {
            for register in selection.registers {
                guard let bank = selection.bank, let value = registers[bank, register] else {
                    missing = missing ?? "\(selection.bank?.name ?? String(selection.algorithm, radix: 16)):\(register)"
                    continue
                }
                content += value
                try record.parsed { () throws(WireError) in try quoted.set(bank, register, value) }
            }
        }
        try record.require(
            missing == nil && signed.signature.hash.digest(content) == digest, .tpmPCRDigest, "pcrDigest",
            Hex.encode(digest), passed: "is the digest of the registers' values",
            failed: missing.map { "the value of register \($0) is missing" } ?? "is not that of the registers' values")
        return VerifiedTPMQuote(signed: signed, selections: selections, registers: quoted, record: record)
    }

    private func checkSelections(
        _ selections: [TPMPCRSelection], _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let names = selections.map { $0.bank?.name ?? String($0.algorithm, radix: 16) }.joined(separator: ",")
        try record.require(
            selections.allSatisfy { $0.registers.isEmpty || $0.bank.map(requirements.banks.contains) ?? false },
            .tpmPCRSelection, "PCR banks", names, passed: "are allowed", failed: "a bank is not an allowed one")
        let covered = Set(selections.flatMap(\.registers))
        let wanted = requirements.registers.subtracting(covered).sorted()
        try record.require(
            wanted.isEmpty, .tpmPCRSelection, "PCR selection", "\(covered.count) registers",
            passed: "covers what is demanded",
            failed: "does not cover \(wanted.map(String.init).joined(separator: ","))")
    }
}
