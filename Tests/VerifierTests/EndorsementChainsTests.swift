import Evidence
import TestSupport
import Testing
import Verifier

@Suite("Chains that were checked before", .enabled(if: Vectors.available))
struct EndorsementChainsTests {
    @Test func `with one memory for all cases each keeps its verdict, the first time and the second`() throws {
        let chains = EndorsementChains()
        for known in VerifierCase.all + VerifierCase.all.reversed() {
            let technology: Technology = known.isSynthetic ? .softSNP : .snp
            func play() throws -> Appraisal {
                let (raw, verifier) = (try known.raw(as: technology), try known.verifier())
                let chain = try chains.chain(of: raw, by: verifier)
                return try known.appraise(verifier.verify(raw.evidence.report, endorsedBy: chain))
            }
            if known.expect.verdict == "accept" {
                #expect(throws: Never.self, "\(known.id)") { try play() }
            } else {
                #expect(throws: (any Error).self, "\(known.id)") { try play() }
            }
        }
        #expect(chains.count > 1)
    }

    @Test func `R6 a chain of a stand-in is remembered for stand-ins only, and while its root is pinned`() throws {
        let known = try VerifierCase.named("snp.syn.genoa.valid")
        let chains = EndorsementChains()
        let pinned = try known.verifier()
        _ = try chains.chain(of: known.raw(as: .softSNP), by: pinned)
        #expect(throws: EvidenceRefusal.self) { try chains.chain(of: known.raw(as: .snp), by: pinned) }
        let other = SNPVerifier(
            anchors: .hardwareOnly, collateral: .revocationListOptional(because: "a test"), clock: { 1_780_000_000 })
        let raw = try known.raw(as: .softSNP)
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try other.verify(raw.evidence.report, endorsedBy: chains.chain(of: raw, by: other))
        }
        #expect(refusal?.check == .root)
    }

    @Test func `certificates that nobody reads make no further chain`() throws {
        let known = try VerifierCase.named("snp.syn.genoa.valid")
        let (chains, verifier, raw) = (EndorsementChains(), try known.verifier(), try known.raw(as: .softSNP))
        for filler in 0..<4 {
            var certificates = raw.evidence.certificates
            certificates[.vlek] = [UInt8(filler)]
            let evidence = SNPEvidence(report: raw.evidence.report, certificates: certificates)
            _ = try chains.chain(
                of: RawEvidence(technology: .softSNP, evidence: evidence, revocationList: raw.revocationList),
                by: verifier)
        }
        #expect(chains.count == 1)
    }

    @Test func `the oldest go first`() throws {
        let chains = EndorsementChains(limit: 2)
        for known in VerifierCase.all where known.expect.verdict == "accept" {
            _ = try chains.chain(of: known.raw(as: known.isSynthetic ? .softSNP : .snp), by: known.verifier())
            #expect(chains.count <= 2)
        }
        #expect(chains.count == 2)
    }
}
