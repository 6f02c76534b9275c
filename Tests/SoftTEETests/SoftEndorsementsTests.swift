import Crypto
import Evidence
import Foundation
import Testing
import Verifier
import WireFormat

@testable import SoftTEE

/// One root for all tests of this file, since making one takes seconds.
private let chipID = [UInt8](repeating: 0x5A, count: 64)
private let tcb = TCBVersion(.init(bootLoader: 4, tee: 0, snp: 24, microcode: 219))
private let shared = Result { try SoftEndorsements.generate(chipID: chipID, tcb: tcb) }

@Suite("Endorsements of the software stand-in")
struct SoftEndorsementsTests {
    private let reportData = [UInt8](repeating: 7, count: 64)

    private func evidence(_ endorsements: SoftEndorsements, tcb named: TCBVersion = tcb) throws -> SNPEvidence {
        var report = try SNPReport.composed(
            reportData: reportData, measurement: LaunchMeasurement(bytes: [UInt8](repeating: 1, count: 48)),
            hostData: [UInt8](repeating: 2, count: 32), policy: .launch, chipID: chipID,
            reportID: [UInt8](repeating: 3, count: 32), processor: SoftEndorsements.processor, tcb: named,
            firmware: .init(major: 1, minor: 55, build: 21))
        try endorsements.sign(&report)
        return SNPEvidence(
            report: report,
            certificates: [.vcek: endorsements.vcekDER, .ask: endorsements.askDER, .ark: endorsements.arkDER])
    }

    private func verifier(_ roots: Set<[UInt8]>) throws -> SNPVerifier {
        SNPVerifier(
            anchors: try TrustAnchors(softRoots: roots), collateral: .revocationListOptional(because: "a test"),
            clock: { Int64(time(nil)) })
    }

    @Test func `a pinned stand-in is accepted and marked as simulated`() throws {
        let endorsements = try shared.get()
        let raw = RawEvidence(technology: .softSNP, evidence: try evidence(endorsements))
        let verified = try verifier([endorsements.rootFingerprint]).verify(raw)
        #expect(verified.simulated)
        let reference = ReferenceValue(
            technology: .softSNP, measurement: verified.report.measurement, processors: 1, debug: false, version: "1")
        let appraisal = try Appraiser(references: ReferenceValues([reference])).appraise(
            verified,
            expecting: Expectations(reportData: reportData, launch: .initData(digest: [UInt8](repeating: 2, count: 32)))
        )
        #expect(appraisal.status == .warning)
    }

    @Test func `without a pin, or as real hardware, it is refused`() throws {
        let endorsements = try shared.get()
        let evidence = try evidence(endorsements)
        let unpinned = #expect(throws: EvidenceRefusal.self) {
            try verifier([]).verify(RawEvidence(technology: .softSNP, evidence: evidence))
        }
        let pretending = #expect(throws: EvidenceRefusal.self) {
            try verifier([endorsements.rootFingerprint]).verify(RawEvidence(technology: .snp, evidence: evidence))
        }
        #expect(unpinned?.check == .root)
        #expect(pretending?.check == .root)
    }

    @Test func `a report of other firmware does not fit the certificate`() throws {
        let endorsements = try shared.get()
        let other = TCBVersion(.init(bootLoader: 4, tee: 0, snp: 25, microcode: 219))
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try verifier([endorsements.rootFingerprint]).verify(
                RawEvidence(technology: .softSNP, evidence: try evidence(endorsements, tcb: other)))
        }
        #expect(refusal?.check == .tcb)
    }

    @Test func `what was saved is loaded again, from a private folder only`() throws {
        let endorsements = try shared.get()
        let parent = FileManager.default.temporaryDirectory.appendingPathComponent("soft-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: parent) }
        let folder = parent.appendingPathComponent("root").path
        try endorsements.save(to: folder)
        let loaded = try SoftEndorsements.load(from: folder)
        #expect(loaded.certificates == endorsements.certificates)
        #expect(loaded.vcekKey.rawRepresentation == endorsements.vcekKey.rawRepresentation)
        #expect(throws: SoftTEEError.self) { try endorsements.save(to: folder) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path) == ["root"])
        chmod(folder, 0o755)
        #expect(throws: SoftTEEError.self) { try SoftEndorsements.load(from: folder) }
    }
}
