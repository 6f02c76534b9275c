import Evidence
import Foundation
import TestSupport
import Testing
import Verifier
import WireFormat

@Suite("Unverified evidence", .enabled(if: Vectors.available))
struct UnverifiedListingTests {
    private static let folder = "trustee/deps/verifier/test_data/nvidia"

    /// NVIDIA's own names and values, as trustee has them.
    @Test func `a Hopper report is listed and refused`() throws {
        let report = try Vectors.text("\(Self.folder)/hopperAttestationReport.txt")
        let chain = Base64.encode(try Vectors.bytes("\(Self.folder)/hopper_cert_chain_case1.txt"))
        let evidence = try NVIDIAEvidence(json: [
            "device_evidence_list": [
                [
                    "arch": "HOPPER", "uuid": "1",
                    "evidence": .string(report.trimmingCharacters(in: .whitespacesAndNewlines)),
                    "certificate": .string(chain),
                ]
            ]
        ])
        let listing = try UnverifiedListing(nvidia: evidence)
        let device = listing.statements[0]
        let wanted = try JSONValue.parse(try Vectors.bytes("\(Self.folder)/hopperAttestationReport-claims.txt"))
        #expect(device?["config"] == wanted["config"])
        #expect(device?["measurements"] == wanted["measurements"])
        #expect(listing.refusal.check == .technology)
    }
}
