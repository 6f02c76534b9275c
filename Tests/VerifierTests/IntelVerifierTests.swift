import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Intel evidence", .enabled(if: Vectors.available))
struct IntelVerifierTests {
    @Test func `all cases are there`() {
        #expect(IntelCase.all.count == 585)
    }

    @Test(arguments: IntelCase.all.filter { ["accept", "conditional"].contains($0.expect["verdict"]?.stringValue) })
    func `genuine evidence is accepted with Intel's status, dates and advisories`(known: IntelCase) throws {
        let endorsement = try known.play()
        guard let status = known.expect["tcb_status"]?.stringValue else {
            #expect(endorsement.tcb == nil && known.files["collateral"] == nil)
            return
        }
        let verdict = try #require(endorsement.tcb)
        #expect(verdict.status.rawValue == status)
        for (name, value) in [
            ("platform_status", verdict.platformStatus.rawValue), ("qe_status", verdict.qeStatus.rawValue),
            ("module_status", verdict.moduleStatus?.rawValue ?? "OK"), ("tcb_date", verdict.tcbDateText ?? "none"),
        ] {
            if let wanted = known.expect[name]?.stringValue { #expect(value == wanted, "\(name)") }
        }
        if let wanted = known.expect["advisories"]?.arrayValue {
            #expect(verdict.advisories == wanted.compactMap(\.stringValue))
        }
    }

    @Test(arguments: IntelCase.all.filter { $0.expect["verdict"] == "reject" })
    func `anything else is refused, and with the status where one is known`(known: IntelCase) throws {
        do {
            _ = try known.play()
            Issue.record("was accepted")
        } catch let refusal as EvidenceRefusal {
            #expect(refusal.fields.last?.verdict == .failed)
            if let status = known.expect["tcb_status"]?.stringValue {
                #expect(refusal.fields.last { $0.field == "TCB status" }?.value == status)
            }
        } catch {
            #expect(error is WireError)
        }
    }

    /// The reason codes of the vectors and the checks that they are here.
    private static let checks: [String: EvidenceCheck] = [
        "quote_signature": .signature, "qe_report_signature": .qeReport, "qe_report_data": .qeBinding,
        "cert_data_type": .certificate, "chain_subject": .chain, "parse:qe_vendor": .qeVendor,
        "tcb_info_signature": .collateralSignature, "qe_identity_signature": .collateralSignature,
        "tcb_info_chain": .collateralSigner, "tcb_info_expired": .collateralDate,
        "tcb_info_not_yet_valid": .collateralDate, "qe_identity_expired": .collateralDate,
        "pck_crl_expired": .collateralDate, "root_ca_crl_expired": .collateralDate,
        "pck_crl_not_yet_valid": .collateralDate, "pck_crl_signature": .revocation, "revoked:pck": .revocation,
        "revoked:intermediate": .revocation, "revoked:tcb_signer": .revocation, "cert_expired": .validity,
        "fmspc_mismatch": .collateralTarget, "pceid_mismatch": .collateralTarget, "tcb_info_id": .collateralTarget,
        "qe_identity_id": .collateralTarget, "tdx_module_mismatch": .tdxModule, "tcb_revoked": .tcbStatus,
        "tcb_not_supported": .tcbStatus, "qe_identity:mrsigner_mismatch": .qeIdentity,
        "qe_identity:prodid_mismatch": .qeIdentity, "qe_identity:attr_mismatch": .qeIdentity,
        "qe_identity:miscselect_mismatch": .qeIdentity, "policy:debug": .debug, "policy:mrtd": .measurement,
        "policy:mrenclave": .measurement, "policy:tcb_eval_number": .evaluationNumber,
        "collateral_missing:root_ca_crl": .collateral, "collateral_missing:pck_crl": .collateral,
        "collateral_missing:qe_identity": .collateral,
    ]

    @Test(arguments: IntelCase.all.filter { checks[$0.expect["reason"]?.stringValue ?? ""] != nil })
    func `a refusal names its check`(known: IntelCase) throws {
        let reason = try #require(known.expect["reason"]?.stringValue)
        guard (try? Quote(parsing: known.bytes("evidence"))) != nil else { return }
        let refusal = #expect(throws: EvidenceRefusal.self) { try known.play() }
        #expect(refusal?.check == Self.checks[reason], "\(String(describing: refusal))")
    }

    /// Each check, with a case that nothing else refuses.
    @Test(arguments: [
        (EvidenceCheck.qeVendor, "tdx.syn.tdx4.vendor-other"), (.root, "tdx.syn.tdx4.real-root-only"),
        (.chain, "sgx.syn.sgx3.pck-subject"), (.chain, "tdx.syn.tdx4.pck-other-ca-key"),
        (.validity, "tdx.syn.tdx5.pck-expired"), (.revocation, "tdx.syn.tdx4.pck-revoked"),
        (.revocation, "tdx.syn.tdx4.intermediate-revoked"), (.revocation, "sgx.syn.sgx3.tcb-signer-revoked"),
        (.revocation, "tdx.syn.tdx4.pck-crl-by-root"), (.collateralSigner, "tdx.syn.tdx4.tcbinfo-signer-is-ca"),
        (.collateralSignature, "tdx.mut.tdx-v4-phala.coll-tcbinfo-reserialised"),
        (.collateralDate, "tdx.syn.tdx4.tcbinfo-expired"), (.collateralDate, "tdx.syn.tdx4.qeid-expired"),
        (.collateralDate, "tdx.syn.tdx4.root-crl-expired"), (.collateralDate, "tdx.syn.tdx4.pck-crl-future"),
        (.collateralTarget, "tdx.syn.tdx4.fmspc-other"), (.collateralTarget, "sgx.syn.sgx4.pceid-other"),
        (.signature, "tdx.mut.tdx-v4-phala.hdr-user_data"), (.qeReport, "tdx.mut.tdx-v4-phala.qe-report-isvsvn"),
        (.qeBinding, "tdx.mut.tdx-v4-phala.attacker-ak"), (.qeIdentity, "tdx.syn.tdx4.qe-mrsigner"),
        (.tdxModule, "tdx.syn.tdx4.seamattributes-nonzero"), (.tcbStatus, "tdx.syn.tdx4.status-revoked"),
        (.tcbStatus, "sgx.syn.sgx3.level-none"), (.debug, "tdx.syn.tdx4.td-debug"),
        (.debug, "sgx.syn.sgx3.sgx-debug"), (.evaluationNumber, "tdx.syn.tdx4.tcb-eval-too-low"),
        (.measurement, "tdx.syn.tdx4.mrtd-policy"),
    ])
    func `without a check its case is accepted`(check: EvidenceCheck, id: String) throws {
        let known = try IntelCase.named(id)
        let refusal = #expect(throws: EvidenceRefusal.self) { try known.play() }
        #expect(refusal?.check == check)
        #expect(throws: Never.self) { try VerificationRecord.$switchedOff.withValue([check]) { try known.play() } }
    }

    @Test(arguments: IntelCase.all.filter { $0.isSynthetic && $0.id.hasSuffix(".valid") })
    func `R6 a soft root never validates real hardware`(known: IntelCase) throws {
        let (anchors, now) = (try known.anchors(), try known.now())
        let quote = try Quote(parsing: known.bytes("evidence"))
        let verifier = IntelVerifier(anchors: anchors, clock: { now })
        let soft = try known.endorsements()
        for endorsements in [soft, .none(because: "a test")] {
            let refusal = #expect(throws: EvidenceRefusal.self) {
                if known.tee == "tdx" {
                    _ = try verifier.verify(tdx: quote, as: .tdx, endorsements)
                } else {
                    _ = try verifier.verify(sgx: quote, as: .sgx, endorsements)
                }
            }
            #expect(refusal?.check == .root)
        }
        let refusal = #expect(throws: EvidenceRefusal.self) { try known.endorsements(.tdx) }
        #expect(refusal?.check == .root)
    }

    @Test func `R6 Intel's root never validates a stand-in, pinned or not`() throws {
        let known = try IntelCase.named("tdx.tdx-v4-phala")
        let now = try known.now()
        let quote = try Quote(parsing: known.bytes("evidence"))
        let real = try known.endorsements()
        for roots: Set<[UInt8]> in [[], [Fingerprint.sha256(try known.bytes("root"))]] {
            let anchors = try TrustAnchors(softRoots: roots)
            let verifier = IntelVerifier(anchors: anchors, clock: { now })
            let refusal = #expect(throws: EvidenceRefusal.self) { try verifier.verify(tdx: quote, as: .softTDX, real) }
            #expect(refusal?.check == .root)
            #expect(throws: EvidenceRefusal.self) { try known.endorsements(.softTDX, anchors) }
            #expect(try verifier.verify(tdx: quote, as: .tdx, real).simulated == false)
        }
    }

    @Test func `the published data of a stand-in is no endorsement of hardware`() throws {
        let (real, soft) = (try IntelCase.named("tdx.tdx-v4-phala"), try IntelCase.named("tdx.syn.tdx4.valid"))
        let now = try real.now()
        let quote = try Quote(parsing: real.bytes("evidence"))
        let verifier = IntelVerifier(anchors: try soft.anchors(), clock: { now })
        let endorsements = try soft.endorsements()
        let refusal = #expect(throws: EvidenceRefusal.self) {
            // Dates are not what is asked here.
            try VerificationRecord.$switchedOff.withValue([.collateralDate, .validity]) {
                try verifier.verify(tdx: quote, as: .tdx, endorsements)
            }
        }
        #expect(refusal?.check == .collateralTarget)
    }

    @Test func `evidence of one technology is not that of another`() throws {
        for (id, technologies) in [
            ("tdx.tdx-v4-phala", [Technology.sgx, .snp, .softSNP, .softSGX, .none]),
            ("sgx.sgx-v3-phala", [.tdx, .snp, .softSNP, .softTDX, .none]),
        ] {
            let known = try IntelCase.named(id)
            let quote = try Quote(parsing: known.bytes("evidence"))
            let verifier = IntelVerifier(anchors: .hardwareOnly, clock: { 1_751_625_000 })
            for technology in technologies {
                for isDomain in [true, false] {
                    let refusal = #expect(throws: EvidenceRefusal.self) {
                        if isDomain {
                            _ = try verifier.verify(tdx: quote, as: technology, .none(because: "a test"))
                        } else {
                            _ = try verifier.verify(sgx: quote, as: technology, .none(because: "a test"))
                        }
                    }
                    #expect(refusal?.check == .technology)
                }
            }
        }
    }

    @Test func `checked data is used for many quotes and goes stale by the clock`() throws {
        let known = try IntelCase.named("tdx.tdx-v4-dstack-gpu")
        let checked = try CheckedCollateral(
            #require(try known.collateral()), for: .tdx, anchors: .hardwareOnly)
        func verify(_ id: String, at time: Int64) throws -> VerifiedTDXQuote {
            let quote = try Quote(parsing: IntelCase.named(id).bytes("evidence"))
            return try IntelVerifier(anchors: .hardwareOnly, clock: { time })
                .verify(tdx: quote, as: .tdx, .collateral(checked))
        }
        let now = try known.now()
        for id in [known.id, "tdx.tdx-v5-google"] {
            #expect(try verify(id, at: now).endorsement.tcb?.status == .upToDate)
        }
        #expect(throws: Never.self) { try verify(known.id, at: checked.expires) }
        let refusal = #expect(throws: EvidenceRefusal.self) { try verify(known.id, at: checked.expires + 1) }
        #expect(refusal?.check == .collateralDate)
        // A platform of another FMSPC gets nothing from it.
        let other = #expect(throws: EvidenceRefusal.self) { try verify("tdx.tdx-v4-phala", at: now) }
        #expect(other?.check == .collateralTarget)
    }

    @Test func `without the authority's certificate the quote's own authority must have signed the list`() throws {
        for (id, isGood) in [
            ("tdx.syn.tdx4.valid", true), ("tdx.syn.tdx4.pck-revoked", false), ("tdx.syn.tdx4.pck-crl-by-root", false),
        ] {
            let known = try IntelCase.named(id)
            let now = try known.now()
            var collateral = try #require(try known.collateral())
            collateral.pckRevocationListChain = nil
            let checked = try CheckedCollateral(collateral, for: known.technology, anchors: known.anchors())
            let verifier = IntelVerifier(anchors: try known.anchors(), clock: { now })
            let quote = try Quote(parsing: known.bytes("evidence"))
            let result = Result { try verifier.verify(tdx: quote, as: .softTDX, .collateral(checked)) }
            switch result {
            case .success: #expect(isGood, "\(id)")
            case .failure(let error): #expect(!isGood && (error as? EvidenceRefusal)?.check == .revocation, "\(id)")
            }
        }
    }

    @Test func `strict requirements refuse what Intel does not call up to date`() throws {
        let known = try IntelCase.named("tdx.tdx-v4-gnr-trustee")
        let now = try known.now()
        let verified = try IntelVerifier(anchors: .hardwareOnly, clock: { now })
            .verify(tdx: Quote(parsing: known.bytes("evidence")), as: .tdx, known.endorsements())
        let refusal = #expect(throws: EvidenceRefusal.self) { try QuoteRequirements.strict.check(verified) }
        #expect(refusal?.check == .minimumTCB)
        var requirements = QuoteRequirements.strict
        requirements.statuses.insert(.outOfDate)
        #expect(try requirements.check(verified).allSatisfy { $0.verdict != .failed })
        // The same quote without Intel's data has no status, which is never good enough by default.
        let bare = try IntelVerifier(anchors: .hardwareOnly, clock: { now })
            .verify(tdx: Quote(parsing: known.bytes("evidence")), as: .tdx, .none(because: "a test"))
        #expect(bare.endorsement.tcb == nil && bare.fields.contains { $0.verdict == .notChecked })
        #expect(throws: EvidenceRefusal.self) { try requirements.check(bare) }
        requirements.expected[.reportData] = [UInt8](repeating: 0, count: 64)
        #expect(throws: EvidenceRefusal.self) { try requirements.check(verified) }
        requirements.expected = [.mrEnclave: []]
        #expect(throws: EvidenceRefusal.self) { try requirements.check(verified) }
    }

    @Test func `SEPT_VE_DISABLE and service trust domains are refused by default`() throws {
        let known = try IntelCase.named("tdx.tdx-v4-oe")
        let now = try known.now()
        let verified = try IntelVerifier(anchors: .hardwareOnly, clock: { now })
            .verify(tdx: Quote(parsing: known.bytes("evidence")), as: .tdx, known.endorsements())
        var requirements = QuoteRequirements.strict
        requirements.statuses = Set(TCBStatus.allCases)
        let refusal = #expect(throws: EvidenceRefusal.self) { try requirements.check(verified) }
        #expect(refusal?.check == .septVEDisable)
        requirements.septVEDisable = .ignored(because: "a test")
        #expect(throws: Never.self) { try requirements.check(verified) }
    }
}
