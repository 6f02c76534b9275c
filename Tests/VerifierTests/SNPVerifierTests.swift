import Evidence
import TestSupport
import Testing
import Verifier
import WireFormat

@Suite("SNP evidence", .enabled(if: Vectors.available))
struct SNPVerifierTests {
    @Test func `all cases are there`() {
        #expect(VerifierCase.all.count == 272)
    }

    @Test(arguments: VerifierCase.all)
    func `evidence is accepted or refused as expected`(known: VerifierCase) throws {
        let technology: Technology = known.isSynthetic ? .softSNP : .snp
        func play() throws -> Appraisal { try known.appraise(known.verifier().verify(known.raw(as: technology))) }
        if known.expect.verdict == "accept" {
            let appraisal = try play()
            #expect(appraisal.simulated == known.isSynthetic)
            let hasReservation = known.isSynthetic || appraisal.report.policy.allowsDebug
            #expect(appraisal.status == (hasReservation ? .warning : .affirming))
        } else {
            #expect(throws: (any Error).self) { try play() }
        }
    }

    /// The reason codes of the vectors and the checks that they are here.
    private static let checks: [String: EvidenceCheck] = [
        "report_signature": .signature, "chain_signature": .chain, "chain_untrusted_root": .root, "unsigned": .unsigned,
        "cert_expired": .validity, "cert_not_yet_valid": .validity, "cert_extension_missing": .certificate,
        "cert_key_type": .certificate, "cert_kind_mismatch": .chain, "revoked": .revocation, "crl_expired": .revocation,
        "crl_signature": .revocation, "tcb_mismatch": .tcb, "product_mismatch": .product, "policy:debug": .debug,
        "policy:migrate_ma": .migrationAgent, "policy:measurement": .measurement, "policy:host_data": .hostData,
        "policy:report_data": .reportData, "policy:vmpl": .vmpl, "policy:min_tcb": .minimumTCB,
        "policy:guest_svn": .guestSVN, "policy:csp_id": .provider,
    ]

    @Test(arguments: VerifierCase.all.filter { $0.id.contains(".syn.") && checks[$0.expect.reason] != nil })
    func `a refusal names its check`(known: VerifierCase) throws {
        let technology: Technology = known.isSynthetic ? .softSNP : .snp
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try known.appraise(known.verifier().verify(known.raw(as: technology)))
        }
        #expect(refusal?.check == Self.checks[known.expect.reason], "\(String(describing: refusal))")
        #expect(refusal?.fields.last?.verdict == .failed)
    }

    @Test(arguments: VerifierCase.all.filter { $0.isSynthetic && $0.expect.verdict == "accept" })
    func `R6 a soft root never validates real hardware`(known: VerifierCase) throws {
        let raw = try known.raw(as: .snp)
        let refusal = #expect(throws: EvidenceRefusal.self) { try known.verifier().verify(raw) }
        #expect(refusal?.check == .root)
    }

    @Test func `R6 AMD's root never validates a stand-in, pinned or not`() throws {
        let known = try VerifierCase.named("snp.genoa-v5-lunal")
        let verifier = SNPVerifier(
            anchors: try TrustAnchors(softRoots: [Fingerprint.sha256(known.bytes("root"))]),
            collateral: .revocationListOptional(because: "a test"), clock: { 1_780_000_000 })
        let raw = try known.raw(as: .softSNP)
        let refusal = #expect(throws: EvidenceRefusal.self) { try verifier.verify(raw) }
        #expect(refusal?.check == .root)
        #expect(try verifier.verify(known.raw(as: .snp)).simulated == false)
    }

    @Test func `R7 a stand-in that is not pinned is refused`() throws {
        let known = try VerifierCase.named("snp.syn.genoa.valid")
        let verifier = SNPVerifier(
            anchors: .hardwareOnly, collateral: .revocationListOptional(because: "a test"), clock: { 1_780_000_000 })
        let raw = try known.raw(as: .softSNP)
        let refusal = #expect(throws: EvidenceRefusal.self) { try verifier.verify(raw) }
        #expect(refusal?.check == .root)
    }

    @Test func `a missing revocation list refuses where it is required`() throws {
        let known = try VerifierCase.named("snp.genoa-v5-lunal")
        let verifier = SNPVerifier(
            anchors: .hardwareOnly, collateral: .revocationListRequired, clock: { 1_780_000_000 })
        let raw = try known.raw(as: .snp)
        let refusal = #expect(throws: EvidenceRefusal.self) { try verifier.verify(raw) }
        #expect(refusal?.check == .revocation)
    }

    @Test(arguments: VerifierCase.all.filter { $0.files["crl"] != nil && $0.expect.reason == "revoked" })
    func `the verifier's own revocation list counts, whatever the host sends along`(known: VerifierCase) throws {
        let technology: Technology = known.isSynthetic ? .softSNP : .snp
        let bare = RawEvidence(technology: technology, evidence: try known.raw(as: technology).evidence)
        let (plain, now) = (try known.verifier(), try known.now())
        // The host leaves the list away; without one of its own the verifier cannot know.
        _ = try plain.verify(bare)
        func verifier(_ lists: [[UInt8]], required: Bool = false) -> SNPVerifier {
            SNPVerifier(
                anchors: plain.anchors,
                collateral: required ? .revocationListRequired : .revocationListOptional(because: "a test"),
                revocationLists: lists, clock: { now })
        }
        let list = try known.bytes("crl")
        let refusal = #expect(throws: EvidenceRefusal.self) { try verifier([list]).verify(bare) }
        #expect(refusal?.check == .revocation && refusal?.reason.contains("was revoked") == true)
        #expect(throws: EvidenceRefusal.self) { try verifier([Array(list.dropLast())]).verify(bare) }
        // A chain that was made before the list was known is none that the list does not reach.
        let kept = try plain.endorse(bare)
        _ = try plain.verify(bare.evidence.report, endorsedBy: kept)
        let later = #expect(throws: EvidenceRefusal.self) {
            try verifier([list]).verify(bare.evidence.report, endorsedBy: kept)
        }
        #expect(later?.check == .revocation && later?.reason.contains("was revoked") == true)
        #expect(throws: EvidenceRefusal.self) { try verifier([], required: true).verify(bare) }
    }

    @Test func `a certificate that is missing, cut short or changed is refused`() throws {
        let known = try VerifierCase.named("snp.genoa-v5-lunal")
        let verifier = try known.verifier()
        let good = try known.raw(as: .snp)
        for kind in [CertificateTable.Kind.vcek, .ask, .ark] {
            let der = try #require(good.evidence.certificates[kind])
            var variants: [[UInt8]?] = [nil, []]
            for length in stride(from: 1, to: der.count, by: 41) { variants.append(Array(der.prefix(length))) }
            for index in stride(from: 0, to: der.count, by: 41) {
                var changed = der
                changed[index] ^= 0x10
                variants.append(changed)
            }
            variants.append(der + [0])
            for variant in variants {
                var evidence = good.evidence
                evidence.certificates[kind] = variant
                let raw = RawEvidence(technology: .snp, evidence: evidence)
                #expect(throws: EvidenceRefusal.self) { try verifier.verify(raw) }
            }
        }
    }

    @Test func `evidence of no known technology is refused`() {
        for name in ["none", "sample", "tdx", ""] {
            let refusal = #expect(throws: EvidenceRefusal.self) { try RawEvidence(tee: name, primaryEvidence: [:]) }
            #expect(refusal?.check == .technology)
        }
        let refusal = #expect(throws: EvidenceRefusal.self) { try RawEvidence(tee: "snp", primaryEvidence: [:]) }
        #expect(refusal?.check == .format)
    }
}
