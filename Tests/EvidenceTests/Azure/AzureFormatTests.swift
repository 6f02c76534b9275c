import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("Azure formats", .enabled(if: Vectors.available))
struct AzureFormatTests {
    static let reports =
        (RawCase.accepted("az-snp-vtpm", with: "hcl_report")
            + RawCase.accepted("az-tdx-vtpm", with: "hcl_report"))
    static let wireForms = [
        "az-snp-vtpm/evidence-v0", "az-snp-vtpm/evidence-v1", "az-snp-vtpm/evidence-v2", "az-snp-vtpm/evidence-genoa",
        "az-tdx-vtpm/evidence-v0", "az-tdx-vtpm/evidence-v1",
    ]

    @Test(arguments: reports)
    func `reports are written back unchanged`(known: RawCase) throws {
        let bytes = try known.bytes("hcl_report")
        let report = try HCLReport(parsing: bytes)
        #expect(report.bytes == bytes)
        #expect(report.kind == (known.tee == "az-snp-vtpm" ? .snp : .tdx))
        #expect(try AzureRuntimeData(parsing: report.runtimeData).attestationKey?.modulus.count == 256)
    }

    @Test func `truncated reports are refused and edited ones are written back unchanged`() throws {
        let bytes = try Vectors.bytes("evidence/azure/kinvolk/hcl-report-snp.bin")
        for length in 0..<1819 {
            #expect(throws: WireError.self) { try HCLReport(parsing: Array(bytes.prefix(length))) }
        }
        for edited in Damage.edited(Array(bytes.prefix(1820)), [0, 0xFF]) {
            if let report = try? HCLReport(parsing: edited) { #expect(report.bytes == edited) }
        }
    }

    @Test(arguments: wireForms)
    func `every generation of the JSON is read and written back`(name: String) throws {
        let json = try JSONValue.parse(try Vectors.bytes("trustee/deps/verifier/test_data/\(name).json"))
        let evidence = try AzureVTPMEvidence(json: json)
        #expect(evidence.registers.count == 24)
        #expect(evidence.signature.count == 256)
        #expect(try AzureVTPMEvidence(json: evidence.json) == evidence)
        #expect(try HCLReport(parsing: evidence.hclReport).runtimeData.first == UInt8(ascii: "{"))
    }

    @Test func `both alphabets of base64 give the same evidence`() throws {
        let json = try JSONValue.parse(
            try Vectors.bytes("trustee/deps/verifier/test_data/az-tdx-vtpm/evidence-v1.json"))
        let evidence = try AzureVTPMEvidence(json: json)
        var members = try #require(json.objectValue)
        members["hcl_report"] = .string(Base64.encode(evidence.hclReport))
        guard case .quote(let quote) = evidence.endorsement else {
            Issue.record("no quote")
            return
        }
        members["td_quote"] = .string(Base64.encode(quote))
        #expect(try AzureVTPMEvidence(json: .object(members)) == evidence)
    }

    @Test func `unknown generations and missing parts are refused`() throws {
        let json = try JSONValue.parse(
            try Vectors.bytes("trustee/deps/verifier/test_data/az-snp-vtpm/evidence-v2.json"))
        for key in ["hcl_report", "tpm_quote", "vcek"] {
            var members = try #require(json.objectValue)
            members[key] = nil
            #expect(throws: WireError.self) { try AzureVTPMEvidence(json: .object(members)) }
        }
        for version: JSONValue in [3, "1", .null] {
            var members = try #require(json.objectValue)
            members["version"] = version
            #expect(throws: WireError.self) { try AzureVTPMEvidence(json: .object(members)) }
        }
    }

    @Test func `runtime data with a key twice are refused`() throws {
        let key = #"{"kid":"HCLAkPub","kty":"RSA","e":"AQAB","n":"AQAB"}"#
        #expect(throws: Never.self) { try AzureRuntimeData(parsing: Array(#"{"keys":[\#(key)]}"#.utf8)) }
        #expect(throws: WireError.self) { try AzureRuntimeData(parsing: Array(#"{"keys":[\#(key),\#(key)]}"#.utf8)) }
    }
}
