import Evidence
import Testing

@testable import Verifier

@Suite("Protections")
struct ProtectionTests {
    /// AMD's table: each generation protects all that the former did, and more.
    @Test func `SEV, SEV-ES and SEV-SNP are three things`() {
        let sev = IsolationMechanism.sev.strongest
        let es = IsolationMechanism.sevES.strongest
        let snp = IsolationMechanism.sevSNP.strongest
        #expect(sev.isStrictSubset(of: es) && es.isStrictSubset(of: snp))
        #expect(!sev.contains(.registerConfidentiality) && es.contains(.registerConfidentiality))
        #expect(!es.contains(.memoryIntegrity) && snp.isSuperset(of: [.memoryIntegrity, .replayProtection]))
    }

    @Test func `a refusal names the protection that is missing and why`() throws {
        let view = ProtectionView(.sevES)
        #expect(throws: Never.self) { try view.require(["attested", "register-confidentiality"]) }
        let refusal = #expect(throws: EvidenceRefusal.self) { try view.require(["attested", "memory-integrity"]) }
        #expect(refusal?.check == .protection)
        #expect(
            refusal?.reason
                == "memory-integrity is demanded and missing: the host can write, replay and remap encrypted memory")
        #expect(throws: EvidenceRefusal.self) { try view.require(["world-peace"]) }
        VerificationRecord.$switchedOff.withValue([.protection]) {
            #expect(throws: Never.self) { try view.require(["memory-integrity"]) }
        }
    }

    @Test func `a stand-in and a TPM protect nothing`() {
        for mechanism: IsolationMechanism in [.simulated, .tpm] {
            var view = ProtectionView(mechanism)
            view.setDebugging(false)
            #expect(view.given.isSubset(of: [.attested, .debugOff]))
            #expect(view.findings.count == Protection.allCases.count)
        }
        var view = ProtectionView(.simulated)
        view.setDebugging(false)
        #expect(view.given == [.attested])
    }
}
