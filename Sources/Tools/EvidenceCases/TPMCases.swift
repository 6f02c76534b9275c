import Evidence
import Verifier
import WireFormat

/// Cases of TPM 2.0: quotes with the values of registers, and event logs.
enum TPMCases {
    static func play(_ known: EvidenceCase) throws -> CaseResult {
        if known.files["tpm_message"] == nil { return try EventLogCases.play(known) }
        let format = try known.text("signature_format") ?? "TPMT_SIGNATURE"
        let isRaw = format == "raw"
        guard isRaw || format == "TPMT_SIGNATURE" else {
            throw WireError(field: "signature_format", reason: "is not known")
        }
        var demands = try CaseDemands(known, lookingAt: ["nonce", "policy"])
        try demands.finish()
        let message = try known.bytes("tpm_message")
        let bytes = try known.bytes("tpm_signature")
        // A bare signature names no scheme; Azure's are RSASSA with SHA-256.
        let signature: TPMSignature =
            isRaw ? .rsaSSA(hash: .sha256, bytes: bytes) : try TPMSignature(parsing: bytes)
        var claims = Self.claims(try TPMAttestation(parsing: message))
        claims["sig_alg"] = .string(signature.schemeName)
        claims["sig_hash"] = .string(signature.hash.name)
        claims["signature_format"] = .string(format)
        do {
            try verify(known, message, signature)
            return CaseResult(.accept, claims: .object(claims))
        } catch let refusal as EvidenceRefusal {
            // Nothing is claimed of refused evidence; what it says of itself is listed.
            return CaseResult(.reject, reason: refusal.description, claims: .object(claims))
        } catch let error as WireError {
            return CaseResult(.reject, reason: "format: \(error)", claims: .object(claims))
        }
    }

    private static func verify(_ known: EvidenceCase, _ message: [UInt8], _ signature: TPMSignature) throws {
        let verifier = TPMQuoteVerifier(requirements: .anySelection)
        let signed = try verifier.authenticate(
            message, signature: signature, key: try AttestationKey(parsing: try known.bytes("ak")))
        let registers = try PCRBanks(json: try JSONValue.parse(try known.bytes("pcrs")))
        let quote = try verifier.verify(
            signed, nonce: try known.hex("nonce") ?? signed.attestation.extraData, registers: registers)
        if let log = try known.optionalBytes("event_log") { try replay(log, quote) }
    }

    /// A log beside a quote must explain the firmware's registers and those that it has events of; the system that runs extends
    /// others that the firmware's log says nothing of.
    private static func replay(_ bytes: [UInt8], _ quote: VerifiedTPMQuote) throws {
        let log = try BootEventLog(parsing: bytes)
        let logged = log.events.filter { $0.type != .noAction }.map { Int($0.register) }
        let registers = quote.registers.restricted(to: Set(0...7).union(logged))
        _ = try EventLogVerifier.verify(log, registers: registers)
    }

    /// What a signed statement says, by the manifest's names.
    static func claims(_ attestation: TPMAttestation) -> [String: JSONValue] {
        var claims: [String: JSONValue] = [
            "qualified_signer": .string(Hex.encode(attestation.qualifiedSigner)),
            "extra_data": .string(Hex.encode(attestation.extraData)),
            "clock": .integer(Int64(clamping: attestation.clock.milliseconds)),
            "reset_count": .integer(Int64(attestation.clock.resetCount)),
            "restart_count": .integer(Int64(attestation.clock.restartCount)),
            "safe": .integer(attestation.clock.isSafe ? 1 : 0),
            "firmware_version": .string(hex16(attestation.firmwareVersion)),
        ]
        if case .quote(let selections, let digest) = attestation.body {
            claims["pcr_select"] = .array(
                selections.map { selection in
                    [
                        .string(selection.bank?.name ?? "0x" + String(selection.algorithm, radix: 16)),
                        .array(selection.registers.map { .integer(Int64($0)) }),
                    ]
                })
            claims["pcr_digest"] = .string(Hex.encode(digest))
        }
        return claims
    }

    private static func hex16(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
