import Evidence
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Azure vTPM", .enabled(if: Vectors.available))
struct AzureVTPMTests {
    private static let snp = "az-snp-vtpm"

    private static func evidence(_ id: String) throws -> (RawCase, AzureVTPMEvidence) {
        let known = try #require(RawCase.all.first { $0.id == id })
        let registers = try PCRBanks(json: JSONValue.parse(known.bytes("pcrs")))
        let endorsement: AzureVTPMEvidence.Endorsement =
            known.tee == snp ? .chipCertificate(try known.bytes("leaf")) : .quote(try known.bytes("td_quote"))
        let evidence = AzureVTPMEvidence(
            generation: 0, hclReport: try known.bytes("hcl_report"), message: try known.bytes("tpm_message"),
            signature: try known.bytes("tpm_signature"), registers: registers.leading(.sha256),
            endorsement: endorsement)
        return (known, evidence)
    }

    private static func verify(_ known: RawCase, _ evidence: AzureVTPMEvidence) throws -> VerifiedAzureSNP {
        let now = Int64(
            try Date(#require(known.params["verify_at"]?.stringValue), strategy: .iso8601).timeIntervalSince1970)
        let hardware = SNPVerifier(
            anchors: try TrustAnchors(softRoots: []),
            collateral: .revocationListOptional(because: "the vectors have none"), clock: { now })
        return try AzureSNPVerifier(hardware: hardware).verify(
            evidence, authorities: [.ask: try known.bytes("intermediate"), .ark: try known.bytes("root")],
            nonce: try Hex.decode(known.params["nonce"]?.stringValue ?? "", field: "nonce"))
    }

    /// Each check with a case that it alone refuses.
    @Test(arguments: [
        ("azure.mut.snp-milan-trustee-v1.hcl-report-type", EvidenceCheck.azureReportType),
        ("azure.mut.snp-milan-trustee-v1.hcl-hash-type", .azureHashType),
        ("azure.mut.snp-milan-trustee-v1.runtime-data", .azureRuntimeData),
        ("azure.mut.snp-milan-trustee-v1.hw-report", .signature),
        ("azure.mut.snp-milan-trustee-v1.nonce", .tpmNonce), ("azure.mut.snp-milan-trustee-v1.sig", .signature),
        ("azure.mut.snp-milan-trustee-v1.pcr-0", .tpmPCRDigest),
        ("azure.mut.snp-milan-trustee-v1.ak-other-vm", .signature),
    ])
    func `the case is refused by its check`(id: String, check: EvidenceCheck) throws {
        let (known, evidence) = try Self.evidence(id)
        let refusal = #expect(throws: EvidenceRefusal.self) { try Self.verify(known, evidence) }
        #expect(refusal?.check == check)
        VerificationRecord.$switchedOff.withValue([check]) {
            #expect(throws: Never.self) { try Self.verify(known, evidence) }
        }
    }

    @Test func `the second generation has the nonce in the runtime data too`() throws {
        var (known, evidence) = try Self.evidence("azure.snp-milan-trustee-v2")
        evidence.generation = 2
        #expect(throws: Never.self) { try Self.verify(known, evidence) }
        (known, evidence) = try Self.evidence("azure.snp-milan-trustee-v1")
        evidence.generation = 2
        let refusal = #expect(throws: EvidenceRefusal.self) { try Self.verify(known, evidence) }
        #expect(refusal?.check == .azureUserData)
        VerificationRecord.$switchedOff.withValue([.azureUserData]) {
            #expect(throws: Never.self) { try Self.verify(known, evidence) }
        }
    }

    @Test func `an authentic TD quote must be over the runtime data`() throws {
        let nonce = Array("challenge".utf8)
        // When all the certificates of both quotes are valid.
        let verifier = AzureTDXVerifier(
            hardware: IntelVerifier(anchors: try TrustAnchors(softRoots: []), clock: { 1_767_225_600 }))
        let (_, evidence) = try Self.evidence("azure.tdx-trustee-v1")
        #expect(throws: Never.self) { try verifier.verify(evidence, .none(because: "a test"), nonce: nonce) }
        let (_, other) = try Self.evidence("azure.mut.tdx-trustee-v1.td-quote-other")
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try verifier.verify(other, .none(because: "a test"), nonce: nonce)
        }
        #expect(refusal?.check == .azureReport)
        VerificationRecord.$switchedOff.withValue([.azureReport]) {
            #expect(throws: Never.self) { try verifier.verify(other, .none(because: "a test"), nonce: nonce) }
        }
    }

    @Test func `evidence of one technology is not accepted as the other`() throws {
        let (known, evidence) = try Self.evidence("azure.tdx-trustee-v1")
        var swapped = evidence
        let (snpCase, snpEvidence) = try Self.evidence("azure.snp-milan-trustee-v1")
        swapped.endorsement = snpEvidence.endorsement
        let refusal = #expect(throws: EvidenceRefusal.self) { try Self.verify(snpCase, swapped) }
        #expect(refusal?.check == .azureReportType)
        #expect(known.tee != snpCase.tee)
    }

    @Test func `claims have the names that policies know`() throws {
        let (known, evidence) = try Self.evidence("azure.snp-milan-trustee-v1")
        let claims = AzureClaims.claims(of: try Self.verify(known, evidence))
        #expect(claims["report_data"] == "6368616c6c656e6765")
        #expect(claims["tpm"]?["pcr00"] == "e15c44796beabf46abcec7c57e590942041e47497e4ec27571c8b7664f48dced")
        #expect(claims["tpm"]?.objectValue?.count == 24)
        #expect(claims["init_data"] == claims["tpm"]?["pcr08"])
        #expect(claims["policy_debug_allowed"] == "false")
        #expect(claims["reported_tcb_bootloader"]?.stringValue != nil)

        let verifier = AzureTDXVerifier(
            hardware: IntelVerifier(anchors: try TrustAnchors(softRoots: []), clock: { 1_767_225_600 }))
        let (_, domain) = try Self.evidence("azure.tdx-trustee-v1")
        let others = AzureClaims.claims(
            of: try verifier.verify(domain, .none(because: "a test"), nonce: Array("challenge".utf8)))
        #expect(others["tpm"]?["pcr00"] == "782b20b10f55cc46e2142cc2145d548698073e5beb82752c8d7f9279f0d8a273")
        #expect(others["quote"]?["body"]?["mr_td"]?.stringValue?.count == 96)
        #expect(others["report_data"] == "6368616c6c656e6765")
    }

    /// The value that trustee's documentation gives.
    @Test func `init-data are measured into register 8`() throws {
        let digest = try Hex.decode(
            "8505e4e25e50a27c5dc8147af88efbece627fbea55291911eff832d9ee127781", field: "digest")
        #expect(
            Hex.encode(try VerifiedTPMQuote.initDataRegister(digest: digest))
                == "bddaccb9c52249e97a31baea61b7d91be8221a16e703d92148d04fb8e9c1dfdd")
        let (known, evidence) = try Self.evidence("azure.snp-milan-trustee-v1")
        let quote = try Self.verify(known, evidence).quote
        let refusal = #expect(throws: EvidenceRefusal.self) { try quote.requireInitData(digest: digest) }
        #expect(refusal?.check == .hostData)
        #expect(throws: EvidenceRefusal.self) { try quote.requireInitData(digest: []) }
    }

    /// Reports that no vector has; the signature is not looked at to show the checks behind it.
    @Test(arguments: [(0x30, EvidenceCheck.vmpl), (0x0A, .debug), (0x1A0, .chipID)])
    func `a report of another level, of an open guest or of another chip is refused`(
        offset: Int, check: EvidenceCheck
    ) throws {
        var (known, evidence) = try Self.evidence("azure.snp-milan-trustee-v1")
        var report = try HCLReport(parsing: evidence.hclReport)
        // In the policy's third byte this is the bit for debugging.
        report.hardwareReport[offset] ^= 8
        evidence.hclReport = report.bytes
        VerificationRecord.$switchedOff.withValue([.signature]) {
            let refusal = #expect(throws: EvidenceRefusal.self) { try Self.verify(known, evidence) }
            #expect(refusal?.check == check)
        }
        VerificationRecord.$switchedOff.withValue([.signature, check]) {
            #expect(throws: Never.self) { try Self.verify(known, evidence) }
        }
    }
}
