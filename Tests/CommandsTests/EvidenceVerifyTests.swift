import Crypto
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands

@Suite("testudo evidence verify", .enabled(if: Vectors.available))
struct EvidenceVerifyTests {
    private static func path(_ name: String) -> String { Vectors.url("evidence/\(name)").path }

    private static func verify(_ words: [String]) async throws -> PolicyReport {
        // Words with a slash name files of the vectors. Nothing is fetched here, and no cache of the user's is read.
        let arguments = words.map { $0.contains("/") && !$0.hasPrefix("/") ? path($0) : $0 }
        let cache = try ScratchFolder()
        return try await EvidenceVerifyCommand.parse(["--offline", "--cache", cache.path] + arguments).report()
    }

    private static let milan = [
        "--tee", "snp", "snp/real/milan-v2-trustee/report.bin", "--endorsement", "snp/real/milan-v2-trustee/vcek.der",
        "--time", "2026-06-01T00:00:00Z",
    ]
    private static let phala = [
        "--tee", "tdx", "tdx/real/tdx-v4-phala/quote.dat", "--endorsement", "tdx/collateral/phala-tdx.json", "--time",
        "2025-07-04T10:16:31Z",
    ]

    @Test func `a report is accepted with no more than its key's certificate`() async throws {
        let report = try await Self.verify(Self.milan)
        #expect(report.status == 0, "\(report)")
        #expect(report.output.contains("\naccepted; not compared: the report data (--report-data), init-data"))
        #expect(report.output.contains("ok      signature"))
        #expect(report.output.contains("-       report data"))
    }

    @Test func `what the machine protects is said, and demanded by name`() async throws {
        let report = try await Self.verify(Self.phala)
        #expect(report.output.contains("protections: attested, debug-off, firmware-currency, "))
        #expect(try await Self.verify(Self.phala + ["--protection", "memory-confidentiality"]).status == 0)
        let refused = try await Self.verify(Self.phala + ["--protection", "interrupt-protection"])
        #expect(refused.status == 1)
        #expect(refused.output.contains("interrupt-protection is demanded and missing"))
        await #expect(throws: (any Error).self) { try await Self.verify(Self.phala + ["--protection", "amd"]) }
    }

    @Test func `another nonce, another chip, another time are refused by name`() async throws {
        let nonce = try await Self.verify(Self.milan + ["--report-data", String(repeating: "5a", count: 64)])
        #expect(nonce.status == 1 && nonce.output.contains("refused: report-data: "), "\(nonce)")
        let late = try await Self.verify(Self.milan.dropLast() + ["2040-01-01T00:00:00Z"])
        #expect(late.status == 1 && late.output.contains("refused: validity: "))
        let bare = try await Self.verify(Array(Self.milan[0...2]))
        #expect(bare.status == 1 && bare.output.contains("refused: certificate: "))
        let tdx = try await Self.verify(["--tee", "tdx"] + Self.milan.dropFirst(2))
        #expect(tdx.status == 2 && tdx.complaint.contains("the file is an SEV-SNP report"))
    }

    @Test func `a demanded measurement is checked in one line`() async throws {
        for words in [Self.milan, Self.phala] {
            let json = try JSONValue.parse(text: try await Self.verify(words + ["--json"]).output)
            let name = words == Self.milan ? "measurement" : "mr_td"
            let found = json["claims"]?[name]?.stringValue ?? json["claims"]?["quote"]?["body"]?[name]?.stringValue
            let report = try await Self.verify(words + ["--measurement", try #require(found, "\(json)")])
            let lines = report.output.split(separator: "\n").filter { $0.contains("  measurement: ") }
            #expect(report.status == 0 && lines.count == 1, "\(report)")
            #expect(lines.first?.hasPrefix("ok ") == true)
            let other = try await Self.verify(words + ["--measurement", String(repeating: "00", count: 48)])
            let failed = other.output.split(separator: "\n").filter { $0.contains("  measurement: ") }
            #expect(other.status == 1 && failed.count == 1 && failed.first?.hasPrefix("FAILED") == true, "\(other)")
        }
    }

    @Test func `a report of a lower privilege level is accepted on demand only`() async throws {
        let words = [
            "--tee", "snp", "snp/real/milan-v3-vlek-trustee/report.bin", "--endorsement",
            "snp/real/milan-v3-vlek-trustee/vlek.der", "--time", "2025-11-10T00:00:00Z",
        ]
        // Its report comes from level 1.
        let strict = try await Self.verify(words)
        #expect(strict.status == 1 && strict.output.contains("refused: policy.vmpl: "), "\(strict)")
        #expect(try await Self.verify(words + ["--vmpl", "1"]).status == 0)
        await #expect(throws: (any Error).self) { try await Self.verify(words + ["--vmpl", "4"]) }
    }

    @Test func `the report data that is there is accepted`() async throws {
        let json = try JSONValue.parse(text: try await Self.verify(Self.milan + ["--json"]).output)
        let data = try #require(json["claims"]?["report_data"]?.stringValue)
        let report = try await Self.verify(Self.milan + ["--report-data", data])
        #expect(report.status == 0 && report.output.contains("ok      report data"))
    }

    @Test func `reference values decide whether claims are affirmed, until they expire`() async throws {
        let stage = try PolicyStage([:])
        let file = stage.path("values.json")
        let claims = try #require(
            try JSONValue.parse(text: try await Self.verify(Self.milan + ["--json"]).output)["claims"]?.objectValue)
        func add(_ name: String, _ claim: String, expires: String = "2030-01-01") async throws {
            let value = try #require(claims[claim]).canonicalText
            try await ReferenceValuesAdd.parse([name, "[\(value)]", "--expires", expires, "--file", file]).run()
        }
        for part in ["bootloader", "microcode"] { try await add("snp_\(part)", "reported_tcb_\(part)") }
        try await add("snp_snp_svn", "reported_tcb_snp")
        try await add("snp_tee_svn", "reported_tcb_tee")
        let words = Self.milan + ["--reference-values", file]
        let unknown = try await Self.verify(words)
        #expect(unknown.status == 3 && unknown.output.contains("snp_launch_measurement: has no value"), "\(unknown)")
        try await add("snp_launch_measurement", "measurement", expires: "2029-01-01")
        let known = try await Self.verify(words)
        #expect(known.status == 0 && known.output.contains("affirming, by policy default"), "\(known)")
        let late = try await Self.verify(
            words.dropLast(4) + ["--time", "2029-06-01T00:00:00Z", "--reference-values", file])
        #expect(late.status == 3, "\(late)")
        #expect(late.output.contains("snp_launch_measurement: expired at 2029-01-01T00:00:00Z"), "\(late)")
        try Data("[]".utf8).write(to: URL(fileURLWithPath: file))
        let broken = try await Self.verify(words)
        #expect(broken.status == 2, "\(broken)")
    }

    @Test func `a debug guest is refused unless allowed`() async throws {
        let words = [
            "--tee", "sev-snp", "snp/real/milan-v2-debug-gosev/report.bin", "--endorsement",
            "snp/real/milan-v2-debug-gosev/vcek.der", "--time", "2026-06-01T00:00:00Z",
        ]
        let refused = try await Self.verify(words)
        #expect(refused.status == 1 && refused.output.contains("refused: policy.debug: "), "\(refused)")
        #expect(refused.output.contains("-       report data") && !refused.output.contains("ok      report data"))
        #expect(try await Self.verify(words + ["--allow-debug"]).status == 0)
    }

    @Test func `a quote is accepted as UpToDate with Intel's data, and authentic without`() async throws {
        let known = try await Self.verify(Self.phala)
        #expect(known.status == 0 && known.output.contains("TCB status: UpToDate"), "\(known)")
        let alone = try await Self.verify(Array(Self.phala[0...2]) + Self.phala.suffix(2))
        #expect(alone.status == 0 && !alone.output.contains("UpToDate"))
        let stale = try await Self.verify(Self.phala.dropLast() + ["2026-07-04T10:16:31Z"])
        #expect(stale.status == 1, "\(stale)")
    }

    @Test func `a status other than UpToDate has an exit status of its own`() async throws {
        let report = try await Self.verify([
            "--json", "--tee", "soft-tdx", "dcap-synthetic/tdx4/_valid.quote.dat", "--soft-root",
            "dcap-synthetic/root-ca.der", "--endorsement",
            "dcap-synthetic/tdx4/status-swhardeningneeded.collateral.json", "--time", "2026-06-01T00:00:00Z",
        ])
        let json = try JSONValue.parse(text: report.output)
        #expect(report.status == 3 && json["tcb_status"] == "SWHardeningNeeded" && json["verdict"] == "conditional")
        #expect(json["simulated"] == true)
    }

    @Test func `R6 a root of one's own never vouches for hardware`() async throws {
        let report = try await Self.verify([
            "--tee", "tdx", "dcap-synthetic/tdx4/_valid.quote.dat", "--soft-root", "dcap-synthetic/root-ca.der",
            "--time", "2026-06-01T00:00:00Z",
        ])
        #expect(report.status == 1 && report.output.contains("refused: root: "), "\(report)")
    }

    @Test func `Azure's evidence in trustee's JSON is followed down to the nonce`() async throws {
        let words = [
            "--tee", "az-snp-vtpm", "azure/snp-milan-trustee-v1/evidence.json", "--time", "2025-06-01T00:00:00Z",
        ]
        let open = try await Self.verify(words)
        #expect(open.status == 0, "\(open)")
        let other = try await Self.verify(words + ["--report-data", "00"])
        #expect(other.status == 1)
    }

    /// A quote made in software by the key `ak`, the way an attacker would: TPMS_ATTEST over chosen values of all registers.
    private static func quote(_ stage: CertificateWorkshop, _ publicKey: [UInt8]) throws {
        var message: [UInt8] = [0xFF, 0x54, 0x43, 0x47, 0x80, 0x18, 0, 0, 0, 4, 1, 2, 3, 4]
        message += [UInt8](repeating: 0, count: 25)
        message += [0, 0, 0, 1, 0, 0x0B, 3, 0xFF, 0xFF, 0xFF, 0, 32]
        let registers = [[UInt8]](repeating: [UInt8](repeating: 7, count: 32), count: 24)
        message += SHA256.hash(data: registers.flatMap { $0 })
        try Data(message).write(to: URL(fileURLWithPath: stage.path("message")))
        let bare = try run("openssl", ["dgst", "-sha256", "-sign", stage.path("ak.key"), stage.path("message")])
        let signature: [UInt8] = [0, 0x14, 0, 0x0B, 1, 0] + bare
        let evidence: JSONValue = [
            "ak_public": .string(Base64.encode(publicKey)),
            "tpm_quote": [
                "message": .string(Base64.encode(message)), "signature": .string(Base64.encode(signature)),
                "pcrs": .array(registers.map { .string(Hex.encode($0)) }),
            ],
        ]
        try Data(evidence.canonicalBytes).write(to: URL(fileURLWithPath: stage.path("quote.json")))
    }

    @Test func `a certificate of the TPM's key, under a root of the user's, is accepted`() async throws {
        let stage = try CertificateWorkshop()
        try stage.key("root")
        try stage.key("ak", "rsa:2048")
        try stage.certificate("root", extensions: CertificateWorkshop.authority())
        try stage.certificate("ak", issuer: "root", extensions: CertificateWorkshop.attestationKey)
        try Self.quote(stage, try stage.publicKey("ak"))
        let words = ["--tee", "tpm", stage.path("quote.json"), "--time", Self.soon]
        let known = try await Self.verify(
            words + ["--endorsement", stage.path("ak.pem"), "--tpm-root", stage.path("root.der")])
        #expect(known.status == 0 && known.output.contains("ak <- root"), "\(known)")
        let rootless = try await Self.verify(words + ["--endorsement", stage.path("ak.pem")])
        #expect(rootless.status == 1 && rootless.output.contains("refused: root: "), "\(rootless)")
        #expect(rootless.output.contains("ok      signature"))
        try stage.key("ek")
        try stage.certificate("ek", issuer: "root", subject: "/", extensions: CertificateWorkshop.endorsementKey())
        let endorsed = try await Self.verify(
            words + ["--endorsement", stage.path("ek.der"), "--tpm-root", stage.path("root.pem")])
        #expect(endorsed.status == 3 && endorsed.output.contains("TPM2_MakeCredential"), "\(endorsed)")
        try stage.certificate("other", key: "ak", extensions: CertificateWorkshop.authority())
        let other = try await Self.verify(
            words + ["--endorsement", stage.path("ak.pem"), "--tpm-root", stage.path("other.pem")])
        #expect(other.status == 1 && other.output.contains("refused: root: "), "\(other)")
    }

    /// A minute from now, when certificates that were just made are valid.
    private static var soon: String { Date(timeIntervalSinceNow: 60).formatted(.iso8601) }

    @Test func `a TPM's quote is conditional until somebody names its key`() async throws {
        let stage = try CertificateWorkshop()
        let quote = stage.path("quote.json")
        try stage.key("ak", "rsa:2048")
        let publicKey = try stage.publicKey("ak")
        try Self.quote(stage, publicKey)
        let alone = try await Self.verify(["--tee", "tpm", quote])
        #expect(alone.status == 3 && alone.output.contains("nobody vouches for the key"), "\(alone)")
        try Data(publicKey).write(to: URL(fileURLWithPath: stage.path("known.der")))
        let known = try await Self.verify(["--tee", "tpm", quote, "--attestation-key", stage.path("known.der")])
        #expect(known.status == 0, "\(known)")
        let nonce = try await Self.verify(
            ["--tee", "tpm", quote, "--attestation-key", stage.path("known.der"), "--report-data", "01020305"])
        #expect(nonce.status == 1 && nonce.output.contains("refused: tpm.nonce"), "\(nonce)")
        let other = try await Self.verify(
            ["--tee", "tpm", quote, "--attestation-key", stage.path("known.der"), "--init-data", "00"])
        #expect(other.status == 1, "\(other)")
    }

    @Test func `a TPM's registers are compared with values that are given`() async throws {
        let stage = try CertificateWorkshop()
        try stage.key("ak", "rsa:2048")
        let publicKey = try stage.publicKey("ak")
        try Self.quote(stage, publicKey)
        try Data(publicKey).write(to: URL(fileURLWithPath: stage.path("known.der")))
        func verify(_ values: JSONValue, tee: String = "tpm") async throws -> PolicyReport {
            try Data(values.canonicalBytes).write(to: URL(fileURLWithPath: stage.path("values.json")))
            return try await Self.verify([
                "--tee", tee, stage.path("quote.json"), "--attestation-key", stage.path("known.der"), "--registers",
                stage.path("values.json"),
            ])
        }
        let (same, other) = (JSONValue.string(String(repeating: "07", count: 32)), String(repeating: "08", count: 32))
        let accepted = try await verify([
            "sha256": ["4": same, "9": same], "sha384": ["4": .string(other + String(repeating: "0", count: 32))],
        ])
        #expect(accepted.status == 0 && accepted.output.contains("ok      PCR 9: sha256:"), "\(accepted)")
        #expect(!accepted.output.contains("what booted"))
        for values: JSONValue in [
            ["sha256": ["4": same, "9": .string(other)]],
            // A register that the quote has in no bank that is wanted says nothing, and does not pass for one that fits.
            ["sha256": ["4": same], "sha384": ["9": .string(String(repeating: "07", count: 48))]],
        ] {
            let refused = try await verify(values)
            #expect(refused.status == 1 && refused.output.contains("refused: measurement: "), "\(refused)")
            #expect(refused.output.contains("FAILED  PCR 9: "), "\(refused)")
        }
        #expect(try await verify(["sha256": [:]]).status == 2)
        await #expect(throws: (any Error).self) { try await verify(["sha256": ["4": same]], tee: "snp") }
    }

    @Test func `collateral without its signature is refused, not overlooked`() async throws {
        let stage = try PolicyStage(["empty.json": #"{"pck_crl": null}"#, "cut.json": #"{"tcb_info": "{}"}"#])
        for name in ["empty.json", "cut.json"] {
            let report = try await Self.verify(
                Array(Self.phala[0...2]) + ["--endorsement", stage.path(name)] + Self.phala.suffix(2))
            #expect(report.status == 2 && report.complaint.contains("without value"), "\(report)")
        }
    }

    @Test(arguments: ["snp/real/milan-v2-trustee/vcek.der", "launch/rtmr-event-constants.json", "/dev/null"])
    func `what is no evidence cannot be read`(file: String) async throws {
        let report = try await Self.verify(["--tee", "snp", file])
        #expect(report.status == 2 && report.complaint.hasPrefix("error: "), "\(report)")
    }

    @Test func `what is no endorsement is named`() async throws {
        let report = try await Self.verify(
            Array(Self.milan[0...2]) + ["--endorsement", "snp/real/milan-v2-trustee/report.bin"])
        #expect(report.status == 2 && report.complaint.contains("is no certificate"), "\(report)")
    }
}

@Suite("testudo evidence inspect", .enabled(if: Vectors.available))
struct EvidenceInspectTests {
    @Test(arguments: [
        ("snp/real/milan-v2-trustee/report.bin", "SEV-SNP report, version 2", "measurement: a1f3930413247bb3"),
        ("tdx/real/tdx-v4-phala/quote.dat", "TDX quote, version 4", "mrtd: 91eb2b44d141d4ec"),
        ("azure/snp-milan-trustee-v1/evidence.json", "Azure vTPM evidence, generation 1", "nonce: "),
        ("azure/kinvolk/hcl-report-snp.bin", "Azure HCL report, version 1", "HCLAkPub"),
        ("snp/real/milan-v2-virtee/cert_table.bin", "AMD certificate table, 3 certificates", "VCEK: 1360 bytes"),
        ("eventlog/gce-cos-85-nonce9009/binary_bios_measurements.bin", "event log, ", "event 0: "),
    ])
    func `formats are told by their content`(file: String, kind: String, member: String) throws {
        let path = Vectors.url("evidence/\(file)").path
        let text = try EvidenceInspectCommand.parse([path]).report()
        #expect(text.status == 0 && text.output.hasPrefix(kind), "\(text)")
        #expect(text.output.contains(member) && text.output.contains("not verified"))
        let json = try JSONValue.parse(text: try EvidenceInspectCommand.parse(["--json", path]).report().output)
        #expect(json["format"]?.stringValue?.hasPrefix(kind) == true)
    }

    @Test func `a file cut short is refused with its field`() throws {
        let bytes = try Vectors.bytes("evidence/tdx/real/tdx-v4-phala/quote.dat")
        let stage = try PolicyStage([:])
        let path = stage.path("cut.dat")
        try Data(bytes.prefix(600)).write(to: URL(fileURLWithPath: path))
        let report = try EvidenceInspectCommand.parse([path]).report()
        #expect(report.status == 2 && report.complaint.hasPrefix("error: "))
    }
}
