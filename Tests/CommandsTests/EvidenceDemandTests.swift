import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands

@Suite("testudo evidence verify demands", .enabled(if: Vectors.available))
struct EvidenceDemandTests {
    private static func path(_ name: String) -> String { Vectors.url("evidence/\(name)").path }

    private static let measurement =
        "a1f3930413247bb38cfc171579ea3c12d5fe4901f0c792f63fd75d98f1ef827c23500644e0e692e6be917f9050d3d38c"
    private static let milan = [
        "--tee", "snp", path("snp/real/milan-v2-trustee/report.bin"), "--endorsement",
        path("snp/real/milan-v2-trustee/vcek.der"), "--time", "2026-06-01T00:00:00Z",
    ]
    private static let phala = [
        "--tee", "tdx", path("tdx/real/tdx-v4-phala/quote.dat"), "--endorsement",
        path("tdx/collateral/phala-tdx.json"), "--time", "2025-07-04T10:16:31Z",
    ]

    private static func verify(_ words: [String]) async throws -> PolicyReport {
        let cache = try ScratchFolder()
        return try await EvidenceVerifyCommand.parse(["--offline", "--cache", cache.path] + words).report()
    }

    @Test func `a launch measurement is demanded`() async throws {
        let good = try await Self.verify(Self.milan + ["--measurement", Self.measurement])
        #expect(good.status == 0 && good.output.contains("ok      measurement: a1f39304"), "\(good)")
        #expect(!good.output.contains("the measurement (--measurement"))
        let several = try await Self.verify(
            Self.milan + ["--measurement", String(repeating: "0", count: 96), "--measurement", Self.measurement])
        #expect(several.status == 0)
        let other = try await Self.verify(Self.milan + ["--measurement", String(repeating: "0", count: 96)])
        #expect(other.status == 1 && other.output.contains("refused: measurement: "), "\(other)")
        for value in ["00", "a1f", "zz"] {
            let wrong = try await Self.verify(Self.milan + ["--measurement", value])
            #expect(wrong.status == 2 && wrong.complaint.contains("--measurement"), "\(wrong)")
        }
        let quote = try await Self.verify(Self.phala + ["--measurement", Self.measurement])
        #expect(quote.status == 1 && quote.output.contains("refused: measurement: "), "\(quote)")
    }

    @Test func `values shorter than their field are digests, said so, or refused`() async throws {
        let digest = String(repeating: "5a", count: 32)
        let short = try await Self.verify(Self.milan + ["--report-data", digest])
        #expect(
            short.status == 1 && short.output.contains("note: --report-data has 32 bytes: the 32 behind"), "\(short)")
        for value in ["", "00", "5a5", String(repeating: "5a", count: 63), String(repeating: "5a", count: 65)] {
            let wrong = try await Self.verify(Self.milan + ["--report-data", value])
            #expect(wrong.status == 2 && wrong.complaint.contains("--report-data"), "\(value): \(wrong)")
        }
        let initData = try await Self.verify(Self.phala + ["--init-data", "00"])
        #expect(initData.status == 2 && initData.complaint.contains("needs 48, or a digest of 32"), "\(initData)")
    }

    @Test func `reference values are judged by the default policy, or by one's own`() async throws {
        let stage = try PolicyStage([
            "all.json": """
            {"snp_launch_measurement": ["\(Self.measurement)"], "snp_bootloader": [3], "snp_tee_svn": [0],
             "snp_snp_svn": [8], "snp_microcode": [115]}
            """,
            "other.json": #"{"snp_launch_measurement": ["00"]}"#, "list.json": "[]",
            "own.rego":
                "package policy\n\nimport rego.v1\n\ntrust_claims := {\"hardware\": 32} if input.snp.measurement\n",
            "broken.rego": "package policy\n\ntrust_claims := {\n",
        ])
        let good = try await Self.verify(Self.milan + ["--reference-values", stage.path("all.json")])
        #expect(
            good.status == 0 && good.output.contains("ok      executables: 3 (affirming, by policy default)"), "\(good)"
        )
        let other = try await Self.verify(Self.milan + ["--reference-values", stage.path("other.json")])
        #expect(other.status == 1 && other.output.contains("refused: policy: "), "\(other)")
        let own = try await Self.verify(Self.milan + ["--policy", stage.path("own.rego")])
        #expect(own.status == 3 && own.output.contains("conditional: the attestation policy own warns"), "\(own)")
        for words in [["--policy", "broken.rego"], ["--reference-values", "list.json"], ["--policy", "none.rego"]] {
            let wrong = try await Self.verify(Self.milan + [words[0], stage.path(words[1])])
            #expect(wrong.status == 2 && !wrong.complaint.isEmpty, "\(wrong)")
        }
    }

    @Test(
        arguments: [
            (milan, "line=milan", "distrust.line"), (milan, "line=turin", nil),
            (phala, "root=a0af03128 9f5d5d4132f9186068a7fc13628633ba2357774 72e29b6b6c67a49e", "distrust.root"),
        ] as [([String], String, String?)])
    func `what is distrusted is refused by name`(words: [String], entry: String, check: String?) async throws {
        let report = try await Self.verify(words + ["--distrust", entry.replacing(" ", with: "")])
        if let check {
            #expect(report.status == 1 && report.output.contains("refused: \(check): "), "\(report)")
        } else {
            #expect(report.status == 0, "\(report)")
        }
    }

    @Test func `the last line says what was not compared, and times are readable`() async throws {
        let report = try await Self.verify(Self.milan)
        let last = try #require(report.output.split(separator: "\n").last)
        #expect(last.hasPrefix("accepted; not compared: the report data (--report-data), init-data (--init-data)"))
        #expect(last.contains("the measurement") && last.contains("revoked"))
        #expect(report.output.contains("validity: 2026-06-01T00:00:00Z"))
        let late = try await Self.verify(Self.phala.dropLast() + ["2026-07-04T10:16:31Z"])
        #expect(late.status == 1 && late.output.contains("has expired, on 202"), "\(late)")
        let json = try JSONValue.parse(text: try await Self.verify(Self.milan + ["--json"]).output)
        #expect(json["not_compared"]?.arrayValue?.count == 4)
    }

    @Test func `cases that cannot be read are errors`() throws {
        let stage = try PolicyStage(["empty.json": "{}", "list.json": #"{"cases": {}}"#, "text.json": "x"])
        for path in ["/nonexistent/manifest.json", "empty.json", "list.json", "text.json"] {
            let file = path.hasPrefix("/") ? path : stage.path(path)
            let failure = #expect(throws: CommandFailure.self) {
                try EvidenceVerifyCasesCommand.parse([file]).read()
            }
            #expect(failure?.what.contains(file) == true, "\(String(describing: failure))")
        }
    }
}
