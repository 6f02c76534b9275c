import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Submissions of every technology", .enabled(if: Vectors.available))
struct SubmissionVerifierTests {
    typealias Sample = SubmissionBench.Sample

    @Test func `there is a sample of every technology whose genuine evidence the vectors have`() {
        #expect(
            Set(SubmissionBench.samples.map(\.tee))
                == SubmissionVerifier.technologies.subtracting(["soft-snp", "soft-sgx"]))
    }

    @Test(arguments: SubmissionBench.samples)
    func `genuine evidence gives claims, the vendor's status and protections`(sample: Sample) throws {
        let verified = try SubmissionVerifier(sample.settings).verify(sample.submission())
        #expect(verified.tcbStatus == sample.status)
        #expect(verified.protections.given == sample.protections)
        #expect(verified.simulated == sample.tee.hasPrefix("soft-"))
        let annotated = verified.annotatedEvidence
        #expect(annotated[sample.tee]?.objectValue?.isEmpty == false)
        #expect(annotated["report_data"]?.stringValue?.isEmpty == false)
        #expect(annotated["protections"]?.arrayValue?.count == sample.protections.count)
        #expect(verified.fields.allSatisfy { $0.verdict != .failed })
    }

    @Test(arguments: SubmissionBench.samples)
    func `evidence for another nonce is refused`(sample: Sample) throws {
        var other = sample.reportData
        other[0] ^= 1
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try SubmissionVerifier(sample.settings).verify(sample.submission(other))
        }
        #expect(refusal.map { [.reportData, .tpmNonce].contains($0.check) } == true)
    }

    @Test(arguments: SubmissionBench.samples)
    func `evidence of a guest that was launched for something else is refused`(sample: Sample) throws {
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try SubmissionVerifier(sample.settings).verify(
                sample.submission(initData: .digest([UInt8](repeating: 7, count: 32))))
        }
        #expect(refusal?.check == .hostData)
    }

    @Test(arguments: SubmissionBench.samples, SubmissionVerifier.technologies.sorted())
    func `evidence of one technology is none of another`(sample: Sample, tee: String) throws {
        guard tee != sample.tee else { return }
        let crossed = Submission(tee: tee, evidence: sample.evidence, runtimeData: .raw(sample.reportData))
        #expect(throws: EvidenceRefusal.self) { try SubmissionVerifier(sample.settings).verify(crossed) }
    }

    @Test(arguments: SubmissionBench.samples)
    func `what nobody demanded counts as not checked`(sample: Sample) throws {
        let verified = try SubmissionVerifier(sample.settings).verify(
            Submission(tee: sample.tee, evidence: sample.evidence))
        let names: Set<String> = ["report data", "extraData", "challenge", "report_data"]
        #expect(!verified.fields.contains { names.contains($0.field) && $0.verdict == .passed })
    }

    @Test(arguments: SubmissionBench.samples.filter { !["tpm", "cca"].contains($0.tee) })
    func `what the owner distrusts is refused in every wrapping`(sample: Sample) throws {
        var settings = sample.settings
        let lines = ["line=milan", "line=genoa", "line=turin"]
        let families = try Self.families(sample).map { "line=\($0)" }
        settings.distrust = try Distrust(lines + families)
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try SubmissionVerifier(settings).verify(sample.submission())
        }
        #expect(refusal?.check == .distrustedLine)
    }

    /// The family of the platform that made the sample's quote.
    private static func families(_ sample: Sample) throws -> [String] {
        let texts = [sample.evidence["quote"]?.stringValue, sample.evidence["td_quote"]?.stringValue]
        return try texts.compactMap { $0 }.compactMap {
            let quote = try Quote(parsing: try Base64.decodeEither($0, field: "quote"))
            return QuoteInspection(quote).platform.map { Hex.encode($0.fmspc) }
        }
    }

    @Test func `a debug domain has no secrets before its host`() throws {
        let collateral = "evidence/tdx/collateral/lunal-50806f000000.json"
        var settings = try SubmissionBench.settings("2026-03-31T22:25:04Z", endorsements: [collateral])
        let submission = Submission(
            tee: "tdx",
            evidence: try SubmissionBench.quote("evidence/tdx/real/tdx-v4-debug-trustee/quote.dat"))
        let refusal = #expect(throws: EvidenceRefusal.self) { try SubmissionVerifier(settings).verify(submission) }
        #expect(refusal?.check == .debug)
        settings.allowDebugging()
        let verified = try SubmissionVerifier(settings).verify(submission)
        #expect(verified.debug)
        for lost: Protection in [.memoryConfidentiality, .registerConfidentiality, .memoryIntegrity, .debugOff] {
            #expect(!verified.protections.given.contains(lost))
        }
        let demand = #expect(throws: EvidenceRefusal.self) {
            try verified.protections.require(["attested", "memory-confidentiality"])
        }
        #expect(demand?.check == .protection)
        #expect(demand?.reason.contains("memory-confidentiality is demanded and missing") == true)
        #expect(demand?.reason.contains("debug") == true)
    }

    @Test func `a domain's measurement covers what its firmware measured`() throws {
        let sample = try #require(SubmissionBench.samples.first { $0.tee == "tdx" })
        let verified = try SubmissionVerifier(sample.settings).verify(sample.submission())
        let body = try #require(verified.claims["quote"]?["body"])
        var content: [UInt8] = []
        for name in ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2"] {
            content += try Hex.decode(try #require(body[name]?.stringValue), field: name)
        }
        #expect(content.count == 192)
        #expect(verified.measurement == HashAlgorithm.sha384.digest(content))
    }

    @Test(arguments: ["az-snp-vtpm", "az-tdx-vtpm"])
    func `the measurement of a machine on Azure covers what it booted`(_ tee: String) throws {
        let sample = try #require(SubmissionBench.samples.first { $0.tee == tee })
        let verified = try SubmissionVerifier(sample.settings).verify(sample.submission())
        let evidence = try AzureVTPMEvidence(json: sample.evidence)
        let hardware = try HCLReport(parsing: evidence.hclReport).hardwareReport
        // An SNP report has its measurement at 0x90; a TDREPORT's part on the domain starts at 512, its MRTD 16 bytes on.
        let measured = Array(tee == "az-snp-vtpm" ? hardware[0x90..<0xC0] : hardware[528..<576])
        var content = measured
        for index in BootMeasurement.registers {
            let name = String(index / 10) + String(index % 10)
            let text = try #require(verified.claims["tpm"]?["pcr\(name)"]?.stringValue)
            content += try Hex.decode(text, field: name)
        }
        #expect(verified.measurement == HashAlgorithm.sha384.digest(content))
    }

    @Test func `an event log is replayed against the quote's registers`() throws {
        var evidence = try SubmissionBench.quote("evidence/tdx/real/tdx-v4-phala/quote.dat").objectValue ?? [:]
        evidence["cc_eventlog"] = .string(
            Base64.encode(try Vectors.bytes("trustee/deps/eventlog/test_data/CCEL_data")))
        let sample = try #require(SubmissionBench.samples.first { $0.tee == "tdx" })
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try SubmissionVerifier(sample.settings).verify(Submission(tee: "tdx", evidence: .object(evidence)))
        }
        #expect(refusal?.check == .eventLogReplay)
    }

    @Test func `a TPM's quote counts as attested once somebody knows its key`() throws {
        var sample = try #require(SubmissionBench.samples.first { $0.tee == "tpm" })
        let text = try #require(sample.evidence["ak_public"]?.stringValue)
        sample.settings.attestationKeys = [try Base64.decode(text, field: "ak_public")]
        let verified = try SubmissionVerifier(sample.settings).verify(sample.submission())
        #expect(verified.protections.given == [.attested])
        // The agents' digest has 48 bytes, the TPM's field 64 or 32.
        let digest = Array(sample.reportData.prefix(48))
        #expect(throws: Never.self) { try SubmissionVerifier(sample.settings).verify(sample.submission(digest)) }
        let short = Array(sample.reportData.prefix(20))
        #expect(throws: EvidenceRefusal.self) {
            try SubmissionVerifier(sample.settings).verify(sample.submission(short))
        }
    }

    @Test func `a TPM's nonce is cut from a digest, never from raw bytes`() {
        func nonce(_ data: Submission.RuntimeData, _ length: Int) -> [UInt8] {
            SubmissionVerifier.nonce(
                of: Submission(tee: "tpm", evidence: [:], runtimeData: data), as: [UInt8](repeating: 9, count: length))
        }
        let raw = [UInt8](0..<48)
        #expect(nonce(.raw(raw), 32) == raw)
        #expect(nonce(.raw(raw), 64) == raw + [UInt8](repeating: 0, count: 16))
        let digest = HashAlgorithm.sha384.digest(JSONValue.object(["a": 1]).canonicalBytes)
        #expect(nonce(.structured(["a": 1]), 32) == Array(digest.prefix(32)))
        #expect(nonce(.none, 32) == [UInt8](repeating: 9, count: 32))
    }

    @Test func `evidence that nobody here can check is read and refused`() throws {
        let folder = "trustee/deps/verifier/test_data/nvidia"
        let device: JSONValue = [
            "arch": "HOPPER", "uuid": "GPU-1",
            "evidence": .string(try Vectors.text("\(folder)/hopperAttestationReport.txt").filter { !$0.isWhitespace }),
            "certificate": .string(
                Base64.encode(try Vectors.bytes("\(folder)/hopper_cert_chain_case1.txt"))),
        ]
        let settings = try SubmissionBench.settings("2026-06-01T00:00:00Z")
        for (tee, evidence, reason) in [
            ("nvidia", JSONValue.object(["device_evidence_list": [device]]), "not verified here"),
            ("se", ["measurement": "AA=="], "additional_data"), ("csv", [:], "no verifier"),
            ("sample", [:], "no verifier"),
        ] {
            let refusal = #expect(throws: EvidenceRefusal.self) {
                try SubmissionVerifier(settings).verify(Submission(tee: tee, evidence: evidence))
            }
            #expect(refusal?.reason.contains(reason) == true, "\(tee): \(refusal?.description ?? "")")
        }
    }

    @Test func `no truncation of evidence is accepted or stops the verifier`() throws {
        for sample in SubmissionBench.samples {
            let bytes = sample.evidence.canonicalBytes
            let verifier = SubmissionVerifier(sample.settings)
            for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 50)) {
                guard let cut = try? JSONValue.parse(Array(bytes.prefix(length))) else { continue }
                #expect(throws: EvidenceRefusal.self) {
                    try verifier.verify(Submission(tee: sample.tee, evidence: cut))
                }
            }
            for member in sample.evidence.objectValue?.keys.sorted() ?? [] where member != "cc_eventlog" {
                var edited = sample.evidence.objectValue ?? [:]
                for value in [JSONValue.null, .string("AAAA"), .array([.integer(256)]), .object([:])] {
                    edited[member] = value
                    guard member != "cert_chain", member != "version" else { continue }
                    #expect(throws: EvidenceRefusal.self) {
                        try verifier.verify(Submission(tee: sample.tee, evidence: .object(edited)))
                    }
                }
            }
        }
    }
}
