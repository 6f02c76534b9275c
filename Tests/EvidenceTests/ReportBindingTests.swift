import Envelope
import Evidence
import Testing
import WireFormat

@Suite("Report data")
struct ReportBindingTests {
    @Test func `the handshake's form binds key, nonce and additional evidence`() {
        let key: JSONValue = ["kty": "EC", "crv": "P-256"]
        let data = ReportBinding.rcar(teePublicKey: key, nonce: "n", additionalEvidence: "a")
        #expect(data.count == 64)
        #expect(data[48...].allSatisfy { $0 == 0 })
        #expect(data != ReportBinding.rcar(teePublicKey: ["kty": "RSA"], nonce: "n", additionalEvidence: "a"))
        #expect(data != ReportBinding.rcar(teePublicKey: key, nonce: "m", additionalEvidence: "a"))
        #expect(data != ReportBinding.rcar(teePublicKey: key, nonce: "n", additionalEvidence: "b"))
    }

    @Test func `the attestation form fills all bytes and binds every part`() throws {
        let one = try SHA256Digest(bytes: [UInt8](repeating: 1, count: 32))
        let two = try SHA256Digest(bytes: [UInt8](repeating: 2, count: 32))
        let forms = [
            ReportBinding.attest(nonce: [1], tlsKeySHA256: one, manifestDigest: one, epoch: 0),
            ReportBinding.attest(nonce: [2], tlsKeySHA256: one, manifestDigest: one, epoch: 0),
            ReportBinding.attest(nonce: [1], tlsKeySHA256: two, manifestDigest: one, epoch: 0),
            ReportBinding.attest(nonce: [1], tlsKeySHA256: one, manifestDigest: two, epoch: 0),
            ReportBinding.attest(nonce: [1], tlsKeySHA256: one, manifestDigest: one, epoch: 1),
        ]
        #expect(Set(forms).count == forms.count)
        #expect(forms.allSatisfy { $0.count == 64 && $0[48...].contains { $0 != 0 } })
    }

    @Test func `a technology has one set of roots and only simulated ones are soft`() {
        #expect(Technology.snp.roots == .amd)
        #expect(Technology.softSNP.roots == .soft)
        #expect(Technology.softSNP.isSimulated && !Technology.snp.isSimulated)
        #expect(Technology.softSNP.minimumProtections == [.attested])
    }
}
