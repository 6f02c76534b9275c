import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("SNP reports", .enabled(if: Vectors.available))
struct SNPReportTests {
    private static let genuine = EvidenceCase.named("snp.").filter { $0.claims?.version != nil }
    private static let milan = "evidence/snp/real/milan-v2-virtee/report.bin"
    private static let genoa = "evidence/snp/real/genoa-v5-lunal/report.bin"

    @Test func `there are cases`() {
        #expect(Self.genuine.count > 10)
    }

    @Test(arguments: genuine)
    func `a genuine report is read field by field and written back unchanged`(known: EvidenceCase) throws {
        let bytes = try #require(try known.bytes("evidence"))
        let report = try SNPReport(parsing: bytes)
        let claims = try #require(known.claims)
        #expect(report.bytes == bytes)
        #expect(report.version == claims.version)
        #expect(report.guestSVN == claims.guest_svn)
        #expect("0x" + String(report.policy.rawValue, radix: 16) == claims.policy)
        #expect(report.vmpl == claims.vmpl)
        #expect(Hex.encode(report.reportData) == claims.report_data)
        #expect(report.measurement.hex == claims.measurement)
        #expect(Hex.encode(report.hostData) == claims.host_data)
        #expect(Hex.encode(report.chipID) == claims.chip_id)
        #expect(Hex.encode(report.reportID) == claims.report_id)
        #expect(Hex.encode(report.reportedTCB.bytes) == claims.reported_tcb)
    }

    @Test(arguments: genuine)
    func `the decoded JSON form gives the same bytes`(known: EvidenceCase) throws {
        let bytes = try #require(try known.bytes("evidence"))
        let report = try SNPReport(parsing: bytes)
        let json = try JSONValue.parse(text: report.trusteeJSON.canonicalText)
        #expect(try SNPReport(trusteeJSON: json).bytes == bytes)
    }

    @Test func `the sample evidence of trustee is read`() throws {
        let json = try JSONValue.parse(try Vectors.bytes("trustee/attestation-service/tests/e2e/evidence.json"))
        let evidence = try SNPEvidence(json: json)
        #expect(evidence.report.productLine == .genoa)
        #expect(evidence.certificates[.vcek]?.count == 1347)
        #expect(try SNPEvidence(json: JSONValue.parse(text: evidence.json.canonicalText)) == evidence)
    }

    @Test(arguments: [milan, genoa])
    func `every other length is refused`(path: String) throws {
        let bytes = try Vectors.bytes(path)
        for length in 0..<bytes.count {
            #expect(throws: WireError.self) { try SNPReport(parsing: Array(bytes.prefix(length))) }
        }
        #expect(throws: WireError.self) { try SNPReport(parsing: bytes + [0]) }
    }

    @Test(arguments: [milan, genoa])
    func `a changed byte is refused or shows`(path: String) throws {
        let bytes = try Vectors.bytes(path)
        let original = try SNPReport(parsing: bytes)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x55
            guard let report = try? SNPReport(parsing: changed) else { continue }
            #expect(report != original)
            #expect(report.bytes == changed)
        }
    }

    private static let malformed = EvidenceCase.named("snp.").filter {
        [
            "parse:version", "parse:signature_algo", "parse:signing_key", "parse:policy_reserved",
            "parse:signature_reserved", "parse:length",
        ].contains($0.expect.reason)
    }

    @Test(arguments: malformed)
    func `a malformed report is refused`(known: EvidenceCase) throws {
        let bytes = try #require(try known.bytes("evidence"))
        #expect(throws: WireError.self) { try SNPReport(parsing: bytes) }
    }

    @Test func `a JSON report with a missing, an unknown or a wrong member is refused`() throws {
        let report = try SNPReport(parsing: try Vectors.bytes(Self.genoa))
        let members = try #require(report.trusteeJSON.objectValue)
        let optional: Set<String> = ["launch_mit_vector", "current_mit_vector"]
        for key in members.keys where !optional.contains(key) {
            var changed = members
            changed[key] = nil
            let parsed = try? SNPReport(trusteeJSON: .object(changed))
            #expect(parsed != report, "\(key)")
            changed[key] = "text"
            #expect(throws: WireError.self) { try SNPReport(trusteeJSON: .object(changed)) }
        }
        var more = members
        more["surprise"] = 1
        #expect(throws: WireError.self) { try SNPReport(trusteeJSON: .object(more)) }
    }

    /// The fuzzer found that such a report, written as JSON again, was another one.
    @Test func `a JSON report whose firmware levels are another product's is refused`() throws {
        let turin = try SNPReport(parsing: try Vectors.bytes("evidence/snp/real/turin-v5-oak/report.bin"))
        var members = try #require(turin.trusteeJSON.objectValue)
        #expect(try SNPReport(trusteeJSON: .object(members)) == turin)
        for family: JSONValue in [25, 52, 0] {
            members["cpuid_fam_id"] = family
            let error = #expect(throws: WireError.self) { try SNPReport(trusteeJSON: .object(members)) }
            #expect(error?.field.hasSuffix("cpuid_fam_id") == true, "\(String(describing: error))")
        }
        let genoa = try #require(
            try SNPReport(parsing: try Vectors.bytes(Self.genoa)).trusteeJSON.objectValue)
        for name in ["current_tcb", "reported_tcb", "committed_tcb", "launch_tcb"] {
            var levels = try #require(genoa[name]?.objectValue)
            levels["fmc"] = 0
            let changed = genoa.merging([name: .object(levels)]) { $1 }
            #expect(throws: WireError.self, "\(name)") { try SNPReport(trusteeJSON: .object(changed)) }
        }
    }
}

@Suite("Certificate tables", .enabled(if: Vectors.available))
struct CertificateTableTests {
    @Test(arguments: EvidenceCase.named("snp.cert-table."))
    func `a table is read or refused as expected`(known: EvidenceCase) throws {
        let bytes = try #require(try known.bytes("cert_table"))
        guard known.expect.verdict == "accept" else {
            #expect(throws: WireError.self) { try CertificateTable(parsing: bytes) }
            return
        }
        let table = try CertificateTable(parsing: bytes)
        for entry in known.claims?.entries ?? [] {
            let kind = try #require(CertificateTable.Kind(rawValue: entry.kind.uppercased()))
            #expect(table.entries[kind]?.count == entry.len)
        }
    }

    @Test func `a table cut short is refused`() throws {
        let bytes = try Vectors.bytes("evidence/snp/real/milan-v2-virtee/cert_table.bin")
        let used = try #require(bytes.lastIndex { $0 != 0 })
        for length in stride(from: 0, through: used, by: 7) {
            #expect(throws: WireError.self) { try CertificateTable(parsing: Array(bytes.prefix(length))) }
        }
    }
}
