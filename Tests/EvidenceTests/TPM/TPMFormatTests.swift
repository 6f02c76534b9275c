import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("TPM formats", .enabled(if: Vectors.available))
struct TPMFormatTests {
    private static let quotes = RawCase.accepted("tpm", with: "tpm_message")
    private static let publicArea = "evidence/tpm/real/gce-cos-85-nonce9009/ak.tpmt_public"

    @Test func `there are quotes`() { #expect(Self.quotes.count >= 17) }

    @Test(arguments: quotes)
    func `statements and signatures are written back unchanged`(known: RawCase) throws {
        let message = try known.bytes("tpm_message")
        let attestation = try TPMAttestation(parsing: message)
        #expect(attestation.bytes == message)
        #expect(Hex.encode(attestation.qualifiedSigner) == known.claims?["qualified_signer"]?.stringValue)
        guard known.params["signature_format"] == "TPMT_SIGNATURE" else { return }
        let signature = try known.bytes("tpm_signature")
        #expect(try TPMSignature(parsing: signature).bytes == signature)
    }

    @Test func `every truncation of a statement is refused with the field's name`() throws {
        let known = try #require(Self.quotes.first { $0.id == "tpm.syn-two-banks" })
        let bytes = try known.bytes("tpm_message")
        for length in bytes.indices {
            #expect(throws: WireError.self) { try TPMAttestation(parsing: Array(bytes.prefix(length))) }
        }
        #expect(try TPMAttestation(parsing: bytes + [7]).trailing == [7])
    }

    @Test func `whatever is parsed is written back unchanged`() throws {
        let known = try #require(Self.quotes.first { $0.id == "tpm.syn-two-banks" })
        for bytes in Damage.edited(try known.bytes("tpm_message")) {
            if let attestation = try? TPMAttestation(parsing: bytes) { #expect(attestation.bytes == bytes) }
        }
        for bytes in Damage.edited(try known.bytes("tpm_signature")) {
            if let signature = try? TPMSignature(parsing: bytes) { #expect(signature.bytes == bytes) }
        }
        for bytes in Damage.edited(try Vectors.bytes(Self.publicArea)) {
            if let area = try? TPMPublicArea(parsing: bytes) { #expect(area.bytes == bytes) }
        }
    }

    @Test func `truncated and prolonged signatures are refused`() throws {
        for id in ["tpm.syn-ecdsa-p256", "tpm.syn-rsapss", "tpm.keylime"] {
            let known = try #require(Self.quotes.first { $0.id == id })
            let bytes = try known.bytes("tpm_signature")
            for length in bytes.indices {
                #expect(throws: WireError.self) { try TPMSignature(parsing: Array(bytes.prefix(length))) }
            }
            #expect(throws: WireError.self) { try TPMSignature(parsing: bytes + [0]) }
        }
    }

    @Test func `a public area is read and written back`() throws {
        let bytes = try Vectors.bytes(Self.publicArea)
        let area = try TPMPublicArea(parsing: bytes)
        #expect(area.bytes == bytes)
        #expect(area.attributes.rawValue == 0x0005_0072)
        #expect(area.attributes.isSuperset(of: .attestationKey))
        for length in bytes.indices {
            #expect(throws: WireError.self) { try TPMPublicArea(parsing: Array(bytes.prefix(length))) }
        }
        #expect(throws: WireError.self) { try TPMPublicArea(parsing: bytes + [0]) }
    }

    @Test func `a selection lists its registers in ascending order`() throws {
        let selection = TPMPCRSelection(bank: .sha256, registers: [23, 0, 9])
        #expect(selection.bitmap == [0x01, 0x02, 0x80])
        #expect(selection.registers == [0, 9, 23])
    }

    @Test func `a count that lies is refused without an allocation of its size`() throws {
        let statement = TPMAttestation(
            qualifiedSigner: [], extraData: [1],
            clock: .init(milliseconds: 1, resetCount: 0, restartCount: 0, isSafe: true), firmwareVersion: 1,
            body: .quote(selections: [], digest: []))
        var bytes = statement.bytes
        // The count of selections stands before the empty digest's size.
        for index in bytes.count - 6..<bytes.count - 2 { bytes[index] = 0xFF }
        #expect(throws: WireError.self) { try TPMAttestation(parsing: bytes) }
    }

    @Test func `values of registers must have their bank's length`() throws {
        #expect(throws: WireError.self) { try PCRBanks(json: ["sha256": ["0": "00"]]) }
        #expect(throws: WireError.self) { try PCRBanks(json: ["sha256": ["256": .string(Self.zeros)]]) }
        #expect(throws: WireError.self) { try PCRBanks(json: ["sha256": ["-1": .string(Self.zeros)]]) }
        #expect(throws: WireError.self) { try PCRBanks(json: ["md5": [:]]) }
        let banks = try PCRBanks(json: [.string(Self.zeros)])
        #expect(banks[.sha256, 0] == Array(repeating: 0, count: 32))
        #expect(banks[.sha384, 0] == nil)
        #expect(try PCRBanks(json: ["0": .string(Self.zeros)]) == banks)
    }

    private static let zeros = String(repeating: "0", count: 64)
}
