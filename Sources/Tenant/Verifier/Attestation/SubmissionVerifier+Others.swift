import Evidence
import WireFormat

extension SubmissionVerifier {
    /// Evidence of a TPM: `{"ak_public": base64, "tpm_quote": {"message", "signature": base64, "pcrs": [hex]}}`.
    ///
    /// Whoever sends the evidence chose the key in it. Unless the settings know the key, policy has to (`ak_public`).
    func verify(tpm submission: Submission) throws(EvidenceRefusal) -> VerifiedSubmission {
        let parts = try Self.parsed { () throws(WireError) in try TPMParts(submission.evidence) }
        let verifier = TPMQuoteVerifier()
        let signed = try verifier.authenticate(parts.message, signature: parts.signature, key: parts.key)
        let stated = signed.attestation.extraData
        let verified = try verifier.verify(
            signed, nonce: Self.nonce(of: submission, as: stated), registers: parts.registers)
        if let digest = submission.initDataDigest { try verified.requireInitData(digest: digest) }
        var fields = Self.undemanded(verified.fields, submission, reportData: ["extraData"])
        let finding = try settings.tpm?.examine(parts.key, at: settings.clock(), fields: &fields)
        let isKnown =
            finding == .attestationKey || settings.attestationKeys.contains(parts.key.publicKeyInfo)
        var record = VerificationRecord()
        if isKnown {
            record.pass("attestation key", "", "somebody vouches that a TPM has it")
        } else {
            record.skip("attestation key", "", because: "nobody vouches for it: policy has to know it (ak_public)")
        }
        return VerifiedSubmission(
            submission, claims: TPMClaims.claims(of: verified), protections: ProtectionView(tpm: isKnown),
            measurement: BootMeasurement.machine(verified.registers),
            fields: fields + record.fields)
    }

    /// Guests cut a digest to 32 bytes or fill it up to 64, as their agents did over time; it is never shorter than 32.
    ///
    /// Only a digest is cut: of raw bytes the rest would bind nothing, so those that the field does not hold match no quote.
    static func nonce(of submission: Submission, as stated: [UInt8]) -> [UInt8] {
        guard let reportData = submission.reportData else { return stated }
        if case .structured = submission.runtimeData, stated.count == 32, reportData.count > 32 {
            return Array(reportData.prefix(32))
        }
        if stated.count == 64, reportData.count < 64 {
            return reportData + [UInt8](repeating: 0, count: 64 - reportData.count)
        }
        return reportData
    }

    /// Evidence of an Arm realm: `{"token": [bytes]}`, or the token in base64.
    func verify(realm submission: Submission) throws(EvidenceRefusal) -> VerifiedSubmission {
        let token = try Self.parsed { () throws(WireError) in try CCAToken(parsing: try Self.token(submission.evidence))
        }
        let challenge = try Self.padded(submission.reportData, 64, .reportData, "challenge")
        let verified = try CCAVerifier(endorsements: settings.platforms).verify(
            token, challenge: challenge ?? token.realm.challenge)
        var record = VerificationRecord()
        let personal = verified.realm.personalizationValue
        if let digest = submission.initDataDigest {
            try record.require(
                personal == digest, .hostData, "personalization value", Hex.encode(personal),
                passed: "the realm was launched for this init-data",
                failed: "the realm was launched for other init-data")
        } else {
            record.skip("personalization value", Hex.encode(personal), because: "no init-data came along")
        }
        return VerifiedSubmission(
            submission, claims: CCAClaims.claims(of: verified), protections: ProtectionView(verified),
            measurement: verified.realm.initialMeasurement,
            fields: Self.undemanded(verified.fields, submission, reportData: ["challenge"]) + record.fields)
    }

    private static func token(_ evidence: JSONValue) throws(WireError) -> [UInt8] {
        if let text = evidence["token"]?.stringValue { return try Base64.decodeEither(text, field: "token") }
        guard let list = evidence["token"]?.arrayValue, list.count <= 64 * 1024 else {
            throw WireError(field: "token", reason: "must be a list of at most 65536 bytes")
        }
        var bytes: [UInt8] = []
        for element in list {
            guard let byte = element.integerValue.flatMap(UInt8.init(exactly:)) else {
                throw WireError(field: "token", reason: "must be a list of bytes")
            }
            bytes.append(byte)
        }
        return bytes
    }
}

/// What the evidence of a TPM consists of, parsed.
private struct TPMParts {
    let key: AttestationKey
    let message: [UInt8]
    let signature: TPMSignature
    let registers: PCRBanks

    init(_ evidence: JSONValue) throws(WireError) {
        var fields = try JSONFields(evidence, path: "")
        key = try AttestationKey(
            publicKeyInfo: try Base64.decodeEither(try fields.string("ak_public"), field: "ak_public"))
        var quote = try fields.fields("tpm_quote")
        message = try Base64.decodeEither(try quote.string("message"), field: quote.path("message"))
        signature = try TPMSignature(
            parsing: try Base64.decodeEither(try quote.string("signature"), field: quote.path("signature")))
        registers = try PCRBanks(json: try quote.value("pcrs"))
    }
}
