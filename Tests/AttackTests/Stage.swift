import Evidence
import Foundation
import SoftTEE
import Verifier
import WireFormat

/// The tenant's side of attacks with evidence: one pinned stand-in for all suites, since making its root takes seconds.
enum Stage {
    static let chipID = [UInt8](repeating: 0x5A, count: 64)
    static let tcb = TCBVersion(.init(bootLoader: 4, tee: 0, snp: 24, microcode: 219))
    static let processor = Result { try SoftEndorsements.generate(chipID: chipID, tcb: tcb) }
    /// The guest that the tenant published.
    static let published = [UInt8](repeating: 1, count: 48)

    /// A signed report of a published guest, altered by the attacker before the signature.
    static func report(
        over data: [UInt8], hostData: [UInt8], _ alter: (inout SNPReport) -> Void = { _ in }
    ) throws -> SNPReport {
        var report = try SNPReport.composed(
            reportData: data, measurement: LaunchMeasurement(bytes: published), hostData: hostData, policy: .launch,
            chipID: chipID, reportID: [UInt8](repeating: 3, count: 32), processor: SoftEndorsements.processor, tcb: tcb,
            firmware: .init(major: 1, minor: 55, build: 21))
        alter(&report)
        try processor.get().sign(&report)
        return report
    }

    /// What the broker does with a report: verify, then hold it against what it expects, with the strict defaults.
    static func judge(_ report: SNPReport, expecting expectations: Expectations) throws -> Appraisal {
        let processor = try processor.get()
        let evidence = SNPEvidence(
            report: report,
            certificates: [.vcek: processor.vcekDER, .ask: processor.askDER, .ark: processor.arkDER])
        let verifier = SNPVerifier(
            anchors: try TrustAnchors(softRoots: [processor.rootFingerprint]),
            collateral: .revocationListOptional(because: "a stand-in has none"), clock: { Int64(time(nil)) })
        let verified = try verifier.verify(RawEvidence(technology: .softSNP, evidence: evidence))
        let guest = ReferenceValue(
            technology: .softSNP, measurement: try LaunchMeasurement(bytes: published), processors: 1, debug: false,
            version: "1")
        return try Appraiser(references: ReferenceValues([guest])).appraise(verified, expecting: expectations)
    }
}
