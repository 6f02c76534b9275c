import Envelope
import Evidence
import SoftTEE
import Testing
import Verifier
import WireFormat

/// Genuine reports, signed by a pinned processor, in the wrong hands or of the wrong machine.
@Suite("Genuine evidence in the wrong hands")
struct HostileEvidenceTests {
    static let victim = SHA256Digest(hashing: Array("the victim's manifest".utf8))
    static let key: JSONValue = ["kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"]
    static let claims = "{\"testudo\":{}}"
    static let nonce = Base64.encode([UInt8](repeating: 8, count: 32))

    /// What the broker expects of the victim's guest in a session.
    static var expected: Expectations {
        Expectations(
            reportData: ReportBinding.rcar(teePublicKey: key, nonce: nonce, additionalEvidence: claims),
            launch: .initData(digest: victim.bytes))
    }

    private func refusal(_ report: SNPReport) throws -> EvidenceCheck? {
        #expect(throws: EvidenceRefusal.self) { try Stage.judge(report, expecting: Self.expected) }?.check
    }

    @Test func `the untouched guest is accepted, as simulated`() throws {
        let report = try Stage.report(over: Self.expected.reportData, hostData: Self.victim.bytes)
        let appraisal = try Stage.judge(report, expecting: Self.expected)
        #expect(appraisal.simulated && appraisal.status == .warning)
    }

    @Test func `R1 evidence for the attestation endpoint opens no session, whatever nonce the host chose`() throws {
        let chosen = [Self.expected.reportData, Array(Self.expected.reportData.prefix(48)), Array(Self.nonce.utf8)]
        for nonce in chosen {
            let data = ReportBinding.attest(
                nonce: nonce, tlsKeySHA256: SHA256Digest(hashing: Self.key.canonicalBytes),
                manifestDigest: Self.victim, epoch: 0)
            #expect(try refusal(Stage.report(over: data, hostData: Self.victim.bytes)) == .reportData)
        }
    }

    @Test func `R1 a pooled machine of the same measurement cannot speak for the victim's manifest`() throws {
        let other = SHA256Digest(hashing: Array("the attacker's manifest".utf8))
        for hostData in [other.bytes, [UInt8](repeating: 0, count: 32)] {
            let report = try Stage.report(over: Self.expected.reportData, hostData: hostData)
            #expect(try refusal(report) == .hostData)
        }
    }

    @Test func `R10 evidence of one key serves no other key, nonce or claims`() throws {
        let forms = [
            ReportBinding.rcar(teePublicKey: ["kty": "EC"], nonce: Self.nonce, additionalEvidence: Self.claims),
            ReportBinding.rcar(teePublicKey: Self.key, nonce: "other", additionalEvidence: Self.claims),
            ReportBinding.rcar(teePublicKey: Self.key, nonce: Self.nonce, additionalEvidence: "{}"),
        ]
        for data in forms {
            #expect(try refusal(Stage.report(over: data, hostData: Self.victim.bytes)) == .reportData)
        }
    }

    @Test(arguments: [
        (UInt64(1 << 19), EvidenceCheck.debug), (1 << 18, .migrationAgent), (1 << 20, .singleSocket),
    ])
    func `R6 a machine that its host may read, export or spread is refused`(bit: UInt64, check: EvidenceCheck) throws {
        let policy = try GuestPolicy(rawValue: GuestPolicy.launch.rawValue ^ bit)
        let report = try Stage.report(over: Self.expected.reportData, hostData: Self.victim.bytes) {
            $0.policy = policy
        }
        #expect(try refusal(report) == check)
    }

    @Test(arguments: [UInt32(1), 2, 3])
    func `R6 a report made below the highest privilege level is refused`(level: UInt32) throws {
        let report = try Stage.report(over: Self.expected.reportData, hostData: Self.victim.bytes) { $0.vmpl = level }
        #expect(try refusal(report) == .vmpl)
    }

    @Test func `R7 no bit of a report can be changed after the processor signed it`() throws {
        let signed = try Stage.report(over: Self.expected.reportData, hostData: Self.victim.bytes)
        // Report data, measurement, HOST_DATA, report ID and both numbers of the signature.
        for place in [0x050, 0x08F, 0x090, 0x0BF, 0x0C0, 0x0DF, 0x140, 0x2A0, 0x2E8] {
            var bytes = signed.bytes
            bytes[place] ^= 1
            let changed = try SNPReport(parsing: bytes)
            #expect(try refusal(changed) == .signature, "byte \(place)")
        }
    }
}
