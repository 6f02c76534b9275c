import Crypto
import Evidence
import Foundation
import Testing
import Verifier
import WireFormat

@testable import SoftTEE

/// One generated chip for all tests: making its RSA keys takes seconds.
enum SharedChip {
    static let identity = [UInt8](repeating: 0xC5, count: 64)
    static let endorsements = Result {
        try SoftEndorsements.generate(chipID: identity, tcb: SoftReportSigner.tcb)
    }

    static func signer() throws -> SoftReportSigner { try SoftReportSigner(try self.endorsements.get()) }

    /// A verifier that trusts this chip's root, and no other.
    static func verifier() throws -> SNPVerifier {
        let roots: Set<[UInt8]> = [try self.endorsements.get().rootFingerprint]
        return SNPVerifier(
            anchors: try TrustAnchors(softRoots: roots),
            collateral: .revocationListOptional(because: "a simulated chip has no revocation list")
        ) { Int64(Date().timeIntervalSince1970) }
    }

    /// The evidence a guest would send for an answer of the report device.
    static func evidence(
        _ answer: ReportPort.Answer, technology: Technology = .softSNP
    ) throws -> RawEvidence {
        let kinds: [CertificateTable.Kind] = [.vcek, .ask, .ark]
        return RawEvidence(
            technology: technology,
            evidence: SNPEvidence(
                report: try SNPReport(parsing: answer.report),
                certificates: Dictionary(uniqueKeysWithValues: zip(kinds, answer.certificates))))
    }
}

@Suite("Report device")
struct ReportPortTests {
    static let request: [UInt8] = [0, 0, 0, 65, 1] + [UInt8](repeating: 0xAB, count: 64)
    static let measurement = [UInt8](repeating: 0x11, count: 48)
    static let hostData = [UInt8](repeating: 0x22, count: 32)

    static func answer(_ data: [UInt8] = [UInt8](repeating: 0xAB, count: 64)) throws -> ReportPort.Answer {
        try SharedChip.signer().report(
            data: data, measurement: try Evidence.LaunchMeasurement(bytes: self.measurement), hostData: self.hostData)
    }

    /// Takes an answer of the port apart.
    static func parse(_ bytes: [UInt8]) throws -> (status: UInt8, answer: ReportPort.Answer?) {
        var reader = ByteReader(bytes)
        let length = Int(try reader.u32BE("length"))
        #expect(length == bytes.count - 4)
        let status = try reader.u8("status")
        guard status == 0 else {
            try reader.finish()
            return (status, nil)
        }
        let report = try reader.bytes(1184, "report")
        var certificates: [[UInt8]] = []
        for _ in 0..<(try reader.u16BE("count")) {
            certificates.append(try reader.bytes(Int(try reader.u32BE("length")), "certificate"))
        }
        try reader.finish()
        return (status, ReportPort.Answer(report: report, certificates: certificates))
    }

    @Test func `a report verifies when the root is pinned, and is marked simulated`() throws {
        let answer = try Self.answer()
        let verified = try SharedChip.verifier().verify(try SharedChip.evidence(answer))
        #expect(verified.simulated)
        let report = verified.report
        #expect(report.version == 3 && report.vmpl == 0)
        #expect(report.reportData == [UInt8](repeating: 0xAB, count: 64))
        #expect(report.measurement.bytes == Self.measurement && report.hostData == Self.hostData)
        #expect(report.chipID == SharedChip.identity)
        #expect(!report.policy.allowsDebug && !report.policy.allowsMigrationAgent && report.policy.requiresSingleSocket)
    }

    @Test func `an unpinned root, or the root offered for real hardware, is refused`() throws {
        let evidence = try SharedChip.evidence(try Self.answer())
        let strict = SNPVerifier(
            anchors: .hardwareOnly, collateral: .revocationListOptional(because: "a simulated chip has none")
        ) { Int64(Date().timeIntervalSince1970) }
        #expect(throws: EvidenceRefusal.self) { try strict.verify(evidence) }
        #expect(throws: EvidenceRefusal.self) {
            try SharedChip.verifier().verify(try SharedChip.evidence(try Self.answer(), technology: .snp))
        }
    }

    @Test func `requests in pieces and in a row are answered, each with its own data`() throws {
        var port = ReportPort { data throws(SoftTEEError) in ReportPort.Answer(report: data, certificates: []) }
        var output: [UInt8] = []
        for byte in Self.request { output += port.receive([byte]) }
        #expect(output.count == 4 + 1 + 64 + 2 && output[5...68].allSatisfy { $0 == 0xAB })
        let twice = port.receive(Self.request + Self.request)
        #expect(twice == output + output)
    }

    @Test func `anything but a request for a report is refused without a signature`() throws {
        for bytes: [UInt8] in [
            [0, 0, 0, 64, 1] + [UInt8](repeating: 0, count: 63), [0, 0, 0, 66, 1], [255, 255, 255, 255],
            [0, 0, 0, 65, 2] + [UInt8](repeating: 0, count: 64), [0, 0, 0, 65, 0] + [UInt8](repeating: 0, count: 64),
        ] {
            var port = ReportPort { _ throws(SoftTEEError) in
                Issue.record("a malformed request was signed")
                return ReportPort.Answer(report: [], certificates: [])
            }
            #expect(try Self.parse(port.receive(bytes)).status == 1)
        }
        for length in 0..<Self.request.count {
            var port = ReportPort { _ throws(SoftTEEError) in
                Issue.record("a truncated request was signed")
                return ReportPort.Answer(report: [], certificates: [])
            }
            #expect(port.receive(Self.request.prefix(length)).isEmpty)
        }
    }

    @Test func `the whole answer has report and chain in the agreed form`() throws {
        let signer = try SharedChip.signer()
        let measurement = try Evidence.LaunchMeasurement(bytes: Self.measurement)
        var port = ReportPort { data throws(SoftTEEError) in
            try signer.report(data: data, measurement: measurement, hostData: Self.hostData)
        }
        let answer = try #require(try Self.parse(port.receive(Self.request)).answer)
        #expect(answer.certificates.count == 3)
        #expect(try SharedChip.verifier().verify(try SharedChip.evidence(answer)).simulated)
    }
}
