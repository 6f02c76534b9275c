import Evidence
import TestSupport
import Testing
import Verifier
import WireFormat

@Suite("Appraisal", .enabled(if: Vectors.available))
struct AppraiserTests {
    /// Genuine evidence of a Genoa machine, with HOST_DATA zero.
    private func verified(_ id: String = "snp.genoa-v5-lunal") throws -> VerifiedEvidence {
        let known = try VerifierCase.named(id)
        return try known.verifier().verify(known.raw(as: known.isSynthetic ? .softSNP : .snp))
    }

    /// The strict requirements without the one that no vector meets.
    private var requirements: EvidenceRequirements {
        var requirements = EvidenceRequirements.strict
        requirements.singleSocket = .ignored(because: "no vector has the bit")
        return requirements
    }

    private func reference(_ verified: VerifiedEvidence, debug: Bool = false) -> ReferenceValues {
        ReferenceValues([
            ReferenceValue(
                technology: verified.technology, measurement: verified.report.measurement, processors: 2, debug: debug,
                version: "1.0")
        ])
    }

    private func launch(_ verified: VerifiedEvidence) -> Expectations.Launch {
        let hostData = verified.report.hostData
        return hostData.allSatisfy { $0 == 0 } ? .unbound : .initData(digest: hostData)
    }

    private func refusal(_ verified: VerifiedEvidence, _ appraiser: Appraiser, _ expectations: Expectations)
        -> EvidenceCheck?
    {
        #expect(throws: EvidenceRefusal.self) { try appraiser.appraise(verified, expecting: expectations) }?.check
    }

    @Test func `genuine hardware with a known guest is affirmed`() throws {
        let verified = try verified()
        let expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        let appraisal = try Appraiser(requirements: requirements, references: reference(verified))
            .appraise(verified, expecting: expectations)
        #expect(appraisal.status == .affirming)
        #expect(!appraisal.simulated)
        let claims = appraisal.annotatedEvidence["snp"]
        #expect(claims?["measurement"]?.stringValue == verified.report.measurement.hex)
        #expect(claims?["policy_debug_allowed"] == false)
        #expect(appraisal.submodule["ear.status"] == "affirming")
        #expect(appraisal.submodule["ear.trustworthiness-vector"]?["executables"] == 3)
        #expect(appraisal.fields.allSatisfy { $0.verdict != .failed })
        #expect(appraisal.fields.contains { $0.field == "revocation" && $0.verdict == .notChecked })
    }

    @Test func `a stand-in is never more than a warning`() throws {
        let verified = try verified("snp.syn.genoa.valid")
        let expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        let appraisal = try Appraiser(requirements: requirements, references: reference(verified))
            .appraise(verified, expecting: expectations)
        #expect(appraisal.simulated)
        #expect(appraisal.status == .warning)
        #expect(appraisal.annotatedEvidence["soft-snp"] != nil)
        #expect(appraisal.annotatedEvidence["snp"] == nil)
    }

    @Test func `the defaults refuse what may span sockets`() throws {
        let verified = try verified()
        let expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        #expect(refusal(verified, Appraiser(references: reference(verified)), expectations) == .singleSocket)
    }

    @Test func `all 64 bytes of report data count`() throws {
        let verified = try verified()
        let appraiser = Appraiser(requirements: requirements, references: reference(verified))
        for index in 0..<64 {
            var data = verified.report.reportData
            data[index] ^= 1
            #expect(
                refusal(verified, appraiser, Expectations(reportData: data, launch: launch(verified))) == .reportData)
        }
        let short = Expectations(reportData: Array(verified.report.reportData.prefix(48)), launch: launch(verified))
        #expect(refusal(verified, appraiser, short) == .reportData)
    }

    @Test func `R3 HOST_DATA and init-data come together or not at all`() throws {
        let zeros = [UInt8](repeating: 0, count: 32)
        let other = [UInt8](repeating: 9, count: 32)
        for id in ["snp.genoa-v5-lunal", "snp.syn.genoa.valid"] {
            let verified = try verified(id)
            let appraiser = Appraiser(requirements: requirements, references: reference(verified))
            let isBound = verified.report.hostData != zeros
            var wrong: [Expectations.Launch] = [.initData(digest: other), .initData(digest: zeros)]
            if isBound { wrong.append(.unbound) } else { wrong.append(.initData(digest: verified.report.hostData)) }
            for launch in wrong {
                let expectations = Expectations(reportData: verified.report.reportData, launch: launch)
                #expect(refusal(verified, appraiser, expectations) == .hostData)
            }
        }
    }

    @Test func `a guest that is not published is refused, also when published for another technology`() throws {
        let verified = try verified()
        let expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        #expect(
            refusal(verified, Appraiser(requirements: requirements, references: .none), expectations) == .measurement)
        let soft = ReferenceValue(
            technology: .softSNP, measurement: verified.report.measurement, processors: 1, debug: false, version: "1")
        let appraiser = Appraiser(requirements: requirements, references: ReferenceValues([soft]))
        #expect(refusal(verified, appraiser, expectations) == .measurement)
    }

    @Test func `a debug guest runs only where one was asked for`() throws {
        let verified = try verified()
        let appraiser = Appraiser(requirements: requirements, references: reference(verified, debug: true))
        var expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        #expect(refusal(verified, appraiser, expectations) == .debugGuest)
        expectations.allowsDebugGuest = true
        let appraisal = try appraiser.appraise(verified, expecting: expectations)
        #expect(appraisal.isDebugGuest)
        #expect(appraisal.status == .warning)
    }

    @Test func `firmware below the reference value's minimum is refused, and a product line that it does not name`()
        throws
    {
        let verified = try verified()
        let tcb = verified.report.reportedTCB.components(verified.productLine.layout)
        var newer = tcb
        newer.microcode += 1
        func appraiser(_ floors: [ProductLine: TCBVersion.Components]) -> Appraiser {
            let value = ReferenceValue(
                technology: verified.technology, measurement: verified.report.measurement, processors: 2, debug: false,
                version: "1.0", minimumTCB: floors)
            return Appraiser(requirements: requirements, references: ReferenceValues([value]))
        }
        let expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        let appraisal = try appraiser([verified.productLine: tcb]).appraise(verified, expecting: expectations)
        #expect(appraisal.fields.contains { $0.field == "minimum firmware" && $0.verdict == .passed })
        #expect(refusal(verified, appraiser([verified.productLine: newer]), expectations) == .minimumTCB)
        #expect(verified.productLine != .turin)
        #expect(refusal(verified, appraiser([.turin: tcb]), expectations) == .minimumTCB)
    }

    @Test func `of a measurement that several versions publish each one's firmware minimum counts`() throws {
        let verified = try verified()
        let tcb = verified.report.reportedTCB.components(verified.productLine.layout)
        var newer = tcb
        newer.microcode += 1
        func value(_ version: String, _ floors: [ProductLine: TCBVersion.Components]) -> ReferenceValue {
            ReferenceValue(
                technology: verified.technology, measurement: verified.report.measurement, processors: 2, debug: false,
                version: version, minimumTCB: floors)
        }
        for (older, later) in [
            ([:], [verified.productLine: newer]), ([verified.productLine: newer], [:]),
            ([verified.productLine: tcb], [.turin: tcb]),
        ] {
            let values = ReferenceValues([value("1.0", older), value("1.1", later)])
            let appraiser = Appraiser(requirements: requirements, references: values)
            var expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
            for version in [nil, "1.0", "1.1"] {
                expectations.guestVersion = version
                #expect(refusal(verified, appraiser, expectations) == .minimumTCB)
            }
        }
        let met = ReferenceValues([value("1.0", [:]), value("1.1", [verified.productLine: tcb])])
        let expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        let appraisal = try Appraiser(requirements: requirements, references: met).appraise(
            verified, expecting: expectations)
        #expect(appraisal.reference?.version == "1.0")
    }

    @Test func `a guest of another version than the manifest names is refused`() throws {
        let verified = try verified()
        let appraiser = Appraiser(requirements: requirements, references: reference(verified))
        var expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        expectations.guestVersion = "1.1"
        #expect(refusal(verified, appraiser, expectations) == .guestVersion)
        expectations.guestVersion = "1.0"
        #expect(try appraiser.appraise(verified, expecting: expectations).reference?.version == "1.0")
    }

    @Test func `a policy that fails refuses`() throws {
        struct Failing: AppraisalPolicy {
            let identifier = "failing"
            func trustVector(for input: AppraisalInput) throws(WireError) -> TrustVector {
                throw WireError(field: "rule", reason: "does not hold")
            }
        }
        let verified = try verified()
        let appraiser = Appraiser(requirements: requirements, references: reference(verified), policy: Failing())
        let expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        #expect(refusal(verified, appraiser, expectations) == .policy)
    }

    @Test func `a second policy that is silent, or warns of what runs, refuses`() throws {
        struct Fixed: AppraisalPolicy {
            let identifier = "fixed"
            let claims: [TrustVector.Subject: Int8]
            func trustVector(for input: AppraisalInput) -> TrustVector { TrustVector(claims) }
        }
        let verified = try verified()
        let expectations = Expectations(reportData: verified.report.reportData, launch: launch(verified))
        for claims: [TrustVector.Subject: Int8] in [
            [:], [.executables: 0], [.executables: 1, .hardware: 2], [.hardware: -1], [.executables: 33],
            [.executables: 97],
        ] {
            let appraiser = Appraiser(
                requirements: requirements, references: reference(verified),
                policy: StricterPolicy(StandardPolicy(), Fixed(claims: claims)))
            #expect(refusal(verified, appraiser, expectations) == .policy, "\(claims)")
        }
        for claims: [TrustVector.Subject: Int8] in [[.executables: 3], [.hardware: 32]] {
            let appraiser = Appraiser(
                requirements: requirements, references: reference(verified),
                policy: StricterPolicy(StandardPolicy(), Fixed(claims: claims)))
            #expect(throws: Never.self) { try appraiser.appraise(verified, expecting: expectations) }
        }
    }
}

@Suite("Trust claims and reference values")
struct TrustVectorTests {
    @Test(arguments: [
        (Int8(-1), TrustTier.none), (0, .none), (1, .none), (2, .affirming), (31, .affirming), (-2, .affirming),
        (-32, .affirming), (32, .warning), (95, .warning), (-33, .warning), (-96, .warning), (96, .contraindicated),
        (127, .contraindicated), (-97, .contraindicated), (-128, .contraindicated),
    ])
    func `a claim falls into its tier`(claim: Int8, tier: TrustTier) {
        #expect(TrustTier(claim: claim) == tier)
    }

    @Test func `the worst claim decides`() {
        #expect(TrustVector([:]).status == .none)
        #expect(TrustVector([.hardware: 2, .executables: 33]).status == .warning)
        #expect(TrustVector([.hardware: 97, .executables: 3]).status == .contraindicated)
    }

    @Test func `a document of reference values is read strictly and written back`() throws {
        let hex = String(repeating: "ab", count: 48)
        let text = """
            {"version":"0.1.0","values":[{"technology":"soft-snp","measurement":"\(hex)","vcpus":1,"debug":false}]}
            """
        let document = try JSONValue.parse(text: text)
        let values = try ReferenceValues(document: document)
        #expect(values.document(version: "0.1.0") == document)
        #expect(values.match(.softSNP, try LaunchMeasurement(hex: hex))?.processors == 1)
        #expect(values.match(.snp, try LaunchMeasurement(hex: hex)) == nil)
        let floor = #""minimumTCB":{"Genoa":{"bootloader":1,"microcode":4,"snp":3,"tee":2}},"#
        let demanding = text.replacing("\"debug\"", with: floor + "\"debug\"")
        let read = try ReferenceValues(document: try JSONValue.parse(text: demanding))
        #expect(
            read.values.first?.minimumTCB == [.genoa: .init(bootLoader: 1, tee: 2, snp: 3, microcode: 4)])
        #expect(try read.document(version: "0.1.0") == JSONValue.parse(text: demanding))
        for broken in [
            demanding.replacing("Genoa", with: "Rome"), demanding.replacing("Genoa", with: "Turin"),
            demanding.replacing("\"tee\":2", with: "\"tee\":256"),
            demanding.replacing(",\"tee\":2", with: ""), demanding.replacing(floor, with: "\"minimumTCB\":{},"),
            text.replacing("soft-snp", with: "none"), text.replacing("\"vcpus\":1", with: "\"vcpus\":0"),
            text.replacing("abab", with: "ab"), text.replacing(",\"debug\":false", with: ""),
            text.replacing("\"vcpus\"", with: "\"cpus\""), text.replacing("0.1.0", with: ""),
        ] {
            #expect(throws: WireError.self) { try ReferenceValues(document: JSONValue.parse(text: broken)) }
        }
    }
}
