import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

/// How to play a TPM case of the manifest.
private struct TPMCase {
    let known: RawCase

    func key() throws -> AttestationKey { try AttestationKey(parsing: known.bytes("ak")) }

    func signature() throws -> TPMSignature {
        let bytes = try known.bytes("tpm_signature")
        return known.params["signature_format"] == "raw"
            ? .rsaSSA(hash: .sha256, bytes: bytes) : try TPMSignature(parsing: bytes)
    }

    func verify(_ requirements: TPMQuoteRequirements = .anySelection) throws -> VerifiedTPMQuote {
        let verifier = TPMQuoteVerifier(requirements: requirements)
        let signed = try verifier.authenticate(
            known.bytes("tpm_message"), signature: signature(), key: key())
        return try verifier.verify(
            signed, nonce: Hex.decode(known.params["nonce"]?.stringValue ?? "", field: "nonce"),
            registers: PCRBanks(json: JSONValue.parse(known.bytes("pcrs"))))
    }
}

@Suite("TPM quotes", .enabled(if: Vectors.available))
struct TPMQuoteTests {
    private static let quotes = RawCase.all.filter { $0.tee == "tpm" && $0.files["tpm_message"] != nil }
    private static let publicArea = "evidence/tpm/real/gce-cos-85-nonce9009/ak.tpmt_public"

    private static func named(_ id: String) throws -> TPMCase {
        TPMCase(known: try #require(quotes.first { $0.id == id }))
    }

    /// Each check with a case that it alone refuses.
    @Test(arguments: [
        ("tpm.mut.keylime.sig", EvidenceCheck.signature), ("tpm.mut.syn-ecdsa-p256.sig", .signature),
        ("tpm.mut.keylime.nonce", .tpmNonce), ("tpm.mut.trustee.pcr-edited", .tpmPCRDigest),
        ("tpm.mut.trustee.pcr-missing", .tpmPCRDigest), ("tpm.syn-digest-wrong-hash", .tpmPCRDigest),
        ("tpm.syn-trailing", .tpmTrailingBytes),
    ])
    func `a check that is switched off lets its case through`(id: String, check: EvidenceCheck) throws {
        let known = try Self.named(id)
        let refusal = #expect(throws: EvidenceRefusal.self) { try known.verify() }
        #expect(refusal?.check == check)
        VerificationRecord.$switchedOff.withValue([check]) {
            #expect(throws: Never.self) { try known.verify() }
        }
    }

    @Test func `a statement of another type is not a quote, though the TPM signed it`() throws {
        let known = try Self.named("tpm.syn-type-time")
        let verifier = TPMQuoteVerifier(requirements: .anySelection)
        let signed = try verifier.authenticate(
            known.known.bytes("tpm_message"), signature: known.signature(), key: known.key())
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try verifier.verify(signed, nonce: signed.attestation.extraData, registers: PCRBanks())
        }
        #expect(refusal?.check == .tpmQuoteType)
    }

    @Test func `a hash that is not allowed refuses a good signature`() throws {
        let known = try Self.named("tpm.syn-rsassa-sha384")
        var requirements = TPMQuoteRequirements.anySelection
        requirements.signatureHashes = [.sha256]
        let refusal = #expect(throws: EvidenceRefusal.self) { try known.verify(requirements) }
        #expect(refusal?.check == .tpmSignatureHash)
        #expect(!TPMQuoteRequirements.anySelection.signatureHashes.contains(.sha1))
        VerificationRecord.$switchedOff.withValue([.tpmSignatureHash]) {
            #expect(throws: Never.self) { try known.verify(requirements) }
        }
    }

    @Test(arguments: ["tpm.syn-empty-selection", "tpm.gce-cos-85-nonce9009-sha1", "tpm.keylime"])
    func `quotes without the registers that a policy needs are refused`(id: String) throws {
        let known = try Self.named(id)
        #expect(throws: Never.self) { try known.verify() }
        let refusal = #expect(throws: EvidenceRefusal.self) { try known.verify(.strict) }
        #expect(refusal?.check == .tpmPCRSelection)
        VerificationRecord.$switchedOff.withValue([.tpmPCRSelection]) {
            #expect(throws: Never.self) { try known.verify(.strict) }
        }
    }

    @Test func `only quoted registers come out`() throws {
        let known = try Self.named("tpm.keylime")
        let verified = try known.verify()
        #expect(verified.registers.values[.sha256]?.keys.sorted() == [15, 16, 22])
        var banks = try PCRBanks(json: JSONValue.parse(known.known.bytes("pcrs")))
        try banks.set(.sha256, 0, Array(repeating: 9, count: 32))
        let again = try TPMQuoteVerifier(requirements: .anySelection).verify(
            verified.signed, nonce: verified.signed.attestation.extraData, registers: banks)
        #expect(again.registers == verified.registers)
    }

    @Test func `the TPM's own form of a key verifies and its attributes count`() throws {
        let known = try Self.named("tpm.gce-cos-85-nonce9009-sha256")
        let bytes = try Vectors.bytes(Self.publicArea)
        let sized = [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
        let verifier = TPMQuoteVerifier(requirements: .anySelection)
        func authenticate(_ key: AttestationKey) throws -> SignedTPMAttestation {
            try verifier.authenticate(known.known.bytes("tpm_message"), signature: known.signature(), key: key)
        }
        for form in [bytes, sized] {
            let key = try AttestationKey(parsing: form)
            #expect(key.publicKeyInfo == (try known.key().publicKeyInfo))
            #expect(throws: Never.self) { try authenticate(key) }
        }
        // Without one attribute after the other, and with the right to decrypt.
        for bit: UInt32 in [1, 4, 5, 16, 17, 18] {
            var area = try TPMPublicArea(parsing: bytes)
            area.attributes = .init(rawValue: area.attributes.rawValue ^ 1 << bit)
            let key = try AttestationKey(publicArea: area)
            let refusal = #expect(throws: EvidenceRefusal.self) { try authenticate(key) }
            #expect(refusal?.check == .tpmAttestationKey)
            VerificationRecord.$switchedOff.withValue([.tpmAttestationKey]) {
                #expect(throws: Never.self) { try authenticate(key) }
            }
        }
    }

    @Test func `a key with a wrong point, a short modulus or a wrong size is refused`() throws {
        var area = try TPMPublicArea(parsing: try Vectors.bytes(Self.publicArea))
        guard case .rsa(let bits, let exponent, let modulus) = area.key else {
            Issue.record("not an RSA key")
            return
        }
        area.key = .rsa(bits: bits, exponent: exponent, modulus: Array(modulus.dropLast()))
        #expect(throws: WireError.self) { try AttestationKey(publicArea: area) }
        area.key = .rsa(bits: 1024, exponent: exponent, modulus: Array(modulus.prefix(128)))
        #expect(throws: WireError.self) { try AttestationKey(publicArea: area) }
        let none = TPMPublicArea.Scheme(algorithm: 0x10, parameters: [])
        area.key = .ecc(curve: 3, keyDerivation: none, x: [1], y: [1])
        #expect(throws: WireError.self) { try AttestationKey(publicArea: area) }
        #expect(throws: WireError.self) { try AttestationKey(parsing: []) }
        #expect(throws: WireError.self) { try AttestationKey(parsing: [0x30, 0]) }
    }

    @Test func `numbers of a signature out of range are refused without a trap`() throws {
        let known = try Self.named("tpm.syn-ecdsa-p256")
        let key = try known.key()
        let message = try known.known.bytes("tpm_message")
        let numbers: [[UInt8]] = [
            [], [0], Array(repeating: 0xFF, count: 32), Array(repeating: 1, count: 33), Array(repeating: 0, count: 80),
        ]
        for r in numbers {
            for s in numbers { #expect(!key.isValid(.ecdsa(hash: .sha256, r: r, s: s), over: message)) }
        }
        #expect(!key.isValid(.rsaSSA(hash: .sha256, bytes: Array(repeating: 1, count: 256)), over: message))
    }

    @Test func `claims have the names that policies know`() throws {
        let known = try Self.named("tpm.trustee")
        let claims = TPMClaims.claims(of: try known.verify())
        #expect(claims.keys.count { $0.hasPrefix("pcr") } == 24)
        #expect(claims["report_data"]?.stringValue == known.known.params["nonce"]?.stringValue)
        #expect(claims["init_data"] == claims["pcr08"])
        #expect(claims["ak_public"] == .string(Base64.encode(try known.known.bytes("ak"))))
    }

    @Test func `registers are compared in every bank that is quoted, and each must be in one`() throws {
        var (held, same) = (PCRBanks(), PCRBanks())
        for bank in [TPMHash.sha256, .sha384] {
            try held.set(bank, 4, [UInt8](repeating: 4, count: bank.length))
            try same.set(bank, 4, [UInt8](repeating: 4, count: bank.length))
        }
        var other = same
        try other.set(.sha384, 4, [UInt8](repeating: 5, count: 48))
        var absent = same
        try absent.set(.sha256, 9, [UInt8](repeating: 9, count: 32))
        #expect(try DemandedValues.registers(held, as: same, after: []).map(\.field) == ["PCR 4"])
        for wanted in [other, absent] {
            let refusal = #expect(throws: EvidenceRefusal.self) {
                try DemandedValues.registers(held, as: wanted, after: [])
            }
            #expect(refusal?.check == .measurement)
            VerificationRecord.$switchedOff.withValue([.measurement]) {
                #expect(throws: Never.self) { try DemandedValues.registers(held, as: wanted, after: []) }
            }
        }
    }
}
