import Envelope
import Evidence
import Synchronization
import Testing
import WireFormat

@testable import GuestAgent

@Suite("The report device")
struct ReportDeviceTests {
    /// A device that signs what it is given, or something else, and remembers what it was asked.
    final class FakePort: ReportPort {
        let asked = Mutex<[[UInt8]]>([])
        let hostData: [UInt8]
        let lies: Bool

        init(hostData: [UInt8], lies: Bool = false) {
            self.hostData = hostData
            self.lies = lies
        }

        func report(over data: [UInt8]) throws -> SNPEvidence {
            asked.withLock { $0.append(data) }
            let report = try SNPReport.composed(
                reportData: lies ? [UInt8](repeating: 7, count: 64) : data,
                measurement: LaunchMeasurement(bytes: [UInt8](repeating: 1, count: 48)), hostData: hostData,
                policy: .launch, chipID: [UInt8](repeating: 2, count: 64), reportID: [UInt8](repeating: 3, count: 32),
                processor: .init(family: 25, model: 1, stepping: 1),
                tcb: TCBVersion(.init(bootLoader: 4, tee: 0, snp: 22, microcode: 213)),
                firmware: .init(major: 1, minor: 55, build: 21))
            return SNPEvidence(report: report, certificates: [:])
        }
    }

    let identity = PodIdentity(
        manifest: SHA256Digest(hashing: [1]), tlsKey: SHA256Digest(hashing: [2]),
        instance: [UInt8](repeating: 9, count: 16))

    @Test("report data is made from the nonce and the guest's own values, under a purpose")
    func attestation() async throws {
        let port = FakePort(hostData: identity.manifest.bytes)
        let nonce = [UInt8](repeating: 5, count: 32)
        _ = try await ReportDevice(testing: port).attestationReport(nonce: nonce, identity: identity)
        let expected = ReportBinding.attest(
            nonce: nonce, tlsKeySHA256: identity.tlsKey, manifestDigest: identity.manifest, epoch: 0)
        #expect(port.asked.withLock { $0 } == [expected])
    }

    @Test("a nonce of 64 bytes is not signed as it is")
    func noOracle() async throws {
        let port = FakePort(hostData: identity.manifest.bytes)
        let chosen = ReportBinding.rcar(teePublicKey: ["kty": "EC"], nonce: "n", additionalEvidence: "{}")
        _ = try await ReportDevice(testing: port).attestationReport(nonce: chosen, identity: identity)
        #expect(port.asked.withLock { !$0.contains(chosen) })
    }

    @Test("the handshake covers the guest's identity")
    func handshake() async throws {
        let port = FakePort(hostData: identity.manifest.bytes)
        let key: JSONValue = ["kty": "EC"]
        _ = try await ReportDevice(testing: port).handshakeReport(teePublicKey: key, nonce: "n", identity: identity)
        let text = """
            {"testudo":{"binding":"launch","epoch":0,"instance":"09090909090909090909090909090909",\
            "manifest":"\(identity.manifest.hex)","tlsKey":"\(identity.tlsKey.hex)"}}
            """
        #expect(identity.additionalEvidence == text)
        let expected = ReportBinding.rcar(teePublicKey: key, nonce: "n", additionalEvidence: text)
        #expect(port.asked.withLock { $0 } == [expected])
    }

    @Test("a machine launched for another manifest, or for none, is refused")
    func launch() async throws {
        try await ReportDevice(testing: FakePort(hostData: identity.manifest.bytes)).checkLaunch(for: identity)
        for other in [SHA256Digest(hashing: [3]).bytes, [UInt8](repeating: 0, count: 32)] {
            await #expect(throws: EvidenceFailure.self) {
                try await ReportDevice(testing: FakePort(hostData: other)).checkLaunch(for: identity)
            }
        }
    }

    @Test("a device that signs something else is not believed")
    func liar() async throws {
        let device = ReportDevice(testing: FakePort(hostData: identity.manifest.bytes, lies: true))
        await #expect(throws: EvidenceFailure.self) {
            try await device.attestationReport(nonce: [1], identity: identity)
        }
    }
}
