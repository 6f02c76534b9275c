import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Distrust by policy", .enabled(if: Vectors.available))
struct DistrustTests {
    private static let milanChip =
        "c38427a30d4c7af9d96f7a15b97269825a64cb76a2352ffd5d18115d89ad473f8e8c0bcd9a5d9286612bad4aadfb4426205a3b9e4fea82301135a170e477524e"

    private func verified(_ id: String) throws -> (known: VerifierCase, evidence: VerifiedEvidence) {
        let known = try #require(VerifierCase.all.first { $0.id == id })
        return (known, try known.verifier().verify(known.raw(as: .snp)))
    }

    /// What the appraisal of a genuine report says under this distrust.
    private func appraise(_ id: String, _ entries: [String]) throws -> EvidenceCheck? {
        let (known, evidence) = try verified(id)
        do {
            _ = try known.appraise(evidence, distrust: try Distrust(entries))
            return nil
        } catch let refusal as EvidenceRefusal { return refusal.check }
    }

    @Test func `a product line, a root and a chip of AMD's are refused by name, others are not`() throws {
        let (_, evidence) = try verified("snp.milan-v2-trustee")
        let rows: [(String, EvidenceCheck?)] = [
            ("line=milan", .distrustedLine), ("line=Milan", .distrustedLine), ("line=genoa", nil),
            ("root=\(Hex.encode(evidence.rootFingerprint))", .distrustedRoot),
            ("root=\(Hex.encode(evidence.rootKeyFingerprint))", .distrustedRoot),
            ("root=\(String(repeating: "00", count: 32))", nil), ("chip=\(Self.milanChip)", .distrustedChip),
            ("chip=\(Self.milanChip.dropLast(2))4f", nil),
        ]
        for (entry, check) in rows { #expect(try appraise("snp.milan-v2-trustee", [entry]) == check, "\(entry)") }
        #expect(try appraise("snp.milan-v2-trustee", rows.map(\.0)) != nil)
    }

    @Test(arguments: [EvidenceCheck.distrustedLine, .distrustedRoot, .distrustedChip])
    func `without the check the distrusted is accepted`(check: EvidenceCheck) throws {
        let (_, evidence) = try verified("snp.milan-v2-trustee")
        let entry =
            switch check {
            case .distrustedLine: "line=milan"
            case .distrustedRoot: "root=\(Hex.encode(evidence.rootFingerprint))"
            default: "chip=\(Self.milanChip)"
            }
        #expect(try appraise("snp.milan-v2-trustee", [entry]) == check)
        let without = try VerificationRecord.$switchedOff.withValue([check]) {
            try appraise("snp.milan-v2-trustee", [entry])
        }
        #expect(without == nil)
    }

    @Test func `Turin's chips are known by their eight bytes`() throws {
        let (_, evidence) = try verified("snp.turin-v5-oak")
        let chip = Hex.encode(evidence.report.chipID.prefix(8))
        #expect(try appraise("snp.turin-v5-oak", ["chip=\(chip)"]) == .distrustedChip)
        #expect(try appraise("snp.turin-v5-oak", ["chip=\(Hex.encode(evidence.report.chipID))"]) == .distrustedChip)
    }

    @Test func `whoever hides the chip does not get around the list`() throws {
        // Signed with a provider's key, which names no chip.
        let provider = try #require(VerifierCase.all.first { $0.id.contains("vlek") && $0.expect.verdict == "accept" })
        #expect(try appraise(provider.id, ["chip=\(Self.milanChip)"]) == .distrustedChip)
        #expect(try appraise(provider.id, []) == nil)
    }

    @Test func `platforms of Intel's are refused by family, root and identity`() throws {
        let platform = try IntelStandIn()
        let verified = try platform.verify(platform.quote(), platform.collateral())
        let endorsement = verified.endorsement
        let rows: [(String, EvidenceCheck?)] = [
            ("line=\(Hex.encode(endorsement.platform.fmspc))", .distrustedLine), ("line=ffffffffffff", nil),
            ("line=milan", nil), ("root=\(Hex.encode(endorsement.rootFingerprint))", .distrustedRoot),
            ("root=\(Hex.encode(endorsement.rootKeyFingerprint))", .distrustedRoot),
            ("chip=\(Hex.encode(endorsement.platform.ppid))", .distrustedChip),
            ("chip=\(String(repeating: "ab", count: 16))", nil),
        ]
        for (entry, check) in rows {
            var requirements = QuoteRequirements.strict
            requirements.distrust = try Distrust([entry])
            var found: EvidenceCheck?
            do { _ = try requirements.check(verified) } catch { found = error.check }
            #expect(found == check, "\(entry)")
            guard let check else { continue }
            #expect(throws: Never.self) {
                try VerificationRecord.$switchedOff.withValue([check]) { try requirements.check(verified) }
            }
        }
    }

    @Test(arguments: [
        "", "milan", "line=naples", "line=", "line=00", "root=00", "root=zz", "chip=", "chip=00",
        "chip=0000000000000000",
        "colour=red", "chip=0",
    ])
    func `what is no entry is refused`(entry: String) {
        #expect(throws: WireError.self) { try Distrust([entry]) }
    }
}
