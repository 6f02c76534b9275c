import Evidence
import Foundation
import TestSupport
import Testing
import WireFormat

@Suite("NVIDIA and IBM SE formats", .enabled(if: Vectors.available))
struct SPDMTests {
    static let path = "trustee/deps/verifier/test_data/nvidia/hopperAttestationReport.txt"

    static func report() throws -> [UInt8] {
        try Hex.decode(
            try Vectors.text(path).trimmingCharacters(in: .whitespacesAndNewlines), field: "report")
    }

    @Test func `a report is written back unchanged and every truncation is refused`() throws {
        let bytes = try Self.report()
        let report = try SPDMMeasurements(parsing: bytes)
        #expect(report.bytes == bytes)
        #expect(report.blocks.count == 64)
        #expect(Hex.encode(report.nonce) == "931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb")
        for length in bytes.indices {
            #expect(throws: WireError.self) { try SPDMMeasurements(parsing: Array(bytes.prefix(length))) }
        }
    }

    @Test func `whatever is parsed is written back unchanged`() throws {
        for bytes in Damage.edited(try Self.report(), [0xFF]) {
            if let report = try? SPDMMeasurements(parsing: bytes) { #expect(report.bytes == bytes) }
        }
    }

    @Test func `evidence of IBM SE is read and written back`() throws {
        let json: JSONValue = [
            "measurement": "AAE=", "additional_data": "", "user_data": "AA==", "cuid": "AAAAAAAAAAAAAAAAAAAAAA==",
            "encr_measurement_key": "AQ==", "encr_request_nonce": "Ag==", "image_hdr_tags": "Aw==",
        ]
        #expect(try SEEvidence(json: json).json == json)
        var members = try #require(json.objectValue)
        members["cuid"] = nil
        #expect(throws: WireError.self) { try SEEvidence(json: .object(members)) }
    }
}
