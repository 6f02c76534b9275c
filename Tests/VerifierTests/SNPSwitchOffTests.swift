import Evidence
import TestSupport
import Testing

@testable import Verifier

@Suite("SNP checks switched off", .enabled(if: Vectors.available))
struct SNPSwitchOffTests {
    /// The checks of SEV-SNP that compare: without the rest (format, certificate, root, unsigned) there is nothing to go on with.
    private static let checks: [EvidenceCheck] = [
        .validity, .chain, .revocation, .signature, .product, .tcb, .chipID, .provider, .reportData, .hostData, .debug,
        .migrationAgent, .vmpl, .minimumTCB, .guestSVN,
    ]

    @Test(arguments: checks)
    func `without a check some case comes out wrong`(check: EvidenceCheck) throws {
        var wrong: [String] = []
        for known in VerifierCase.all where known.expect.verdict == "reject" {
            let technology: Technology = known.isSynthetic ? .softSNP : .snp
            func isAccepted() -> Bool {
                (try? known.appraise(known.verifier().verify(known.raw(as: technology)))) != nil
            }
            guard VerificationRecord.$switchedOff.withValue([check], operation: isAccepted) else { continue }
            #expect(!isAccepted())
            wrong.append(known.id)
        }
        #expect(!wrong.isEmpty)
    }
}
