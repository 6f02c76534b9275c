import Evidence
import Verifier
import WireFormat

/// What an SNP case demands beside authenticity; what it does not name is relaxed, since cases are laxer than our defaults.
struct SNPCasePolicy {
    private let allowsDebug: Bool
    private let forbidsMigrationAgent: Bool
    private let forbidsZeroChip: Bool
    private let highestVMPL: UInt32
    private let minimumGuestSVN: UInt32
    private let provider: String?
    private let minimumTCB: [String: UInt8]?
    private let values: [String: [UInt8]]

    /// The members of a report that a case may demand, by the manifest's names.
    private static let members: [String: @Sendable (SNPReport) -> [UInt8]] = [
        "report_data": { $0.reportData }, "measurement": { $0.measurement.bytes }, "host_data": { $0.hostData },
        "id_key_digest": { $0.idKeyDigest }, "author_key_digest": { $0.authorKeyDigest },
        "family_id": { $0.familyID }, "image_id": { $0.imageID }, "report_id": { $0.reportID },
        "chip_id": { $0.chipID },
    ]

    /// Reads the demands of a case; those that nothing here checks are an error.
    ///
    /// - Parameters:
    ///   - known: The case.
    ///   - names: Demanding parameters that the caller looks at.
    init(_ known: EvidenceCase, beside names: Set<String>) throws {
        var demands = try CaseDemands(known, lookingAt: names.union(["policy", "expected_report_data"]))
        allowsDebug = try demands.allowsDebug()
        forbidsMigrationAgent = try demands.flag("forbid_migrate_ma")
        forbidsZeroChip = try !demands.flag("allow_zero_chip_id")
        highestVMPL = try demands.number("vmpl_max") ?? 3
        minimumGuestSVN = try demands.number("min_guest_svn") ?? 0
        provider = try demands.text("csp_id")
        minimumTCB = try demands.numbers("min_tcb", of: ["fmc", "bootloader", "tee", "snp", "ucode"])
        var values: [String: [UInt8]] = [:]
        for (name, value) in try demands.expected(Self.members.keys.sorted()) {
            guard Self.members[name] != nil, let text = value.stringValue else {
                throw WireError(
                    field: "policy.\(ShownText.cut(name, bytes: 64))", reason: "is not a member of a report in hex")
            }
            values[name] = try Hex.decode(text, field: name)
        }
        self.values = values
        try demands.finish()
    }

    /// Appraises authentic evidence by the case's demands.
    func appraise(_ verified: VerifiedEvidence) throws -> Appraisal {
        let report = verified.report
        let measurement = try values["measurement"].map { try LaunchMeasurement(bytes: $0) }
        let reference = ReferenceValue(
            technology: verified.technology, measurement: measurement ?? report.measurement, processors: 1,
            debug: false, version: "case")
        let hostData = values["host_data"] ?? report.hostData
        let expectations = Expectations(
            reportData: values["report_data"] ?? report.reportData,
            launch: hostData.allSatisfy { $0 == 0 } ? .unbound : .initData(digest: hostData))
        let appraisal = try Appraiser(requirements: requirements(verified), references: ReferenceValues([reference]))
            .appraise(verified, expecting: expectations)
        // Most were checked on the way; the requirements know nothing of the rest.
        for (name, wanted) in values.sorted(by: { $0.key < $1.key }) where Self.members[name]?(report) != wanted {
            throw WireError(field: name, reason: "is not the one that the case demands")
        }
        return appraisal
    }

    private func requirements(_ verified: VerifiedEvidence) -> EvidenceRequirements {
        let relaxed = EvidenceRequirements.Rule.ignored(because: "the case does not ask for it")
        let report = verified.report
        var requirements = EvidenceRequirements.strict
        requirements.noDebug = allowsDebug ? relaxed : .required
        requirements.noMigrationAgent = forbidsMigrationAgent ? .required : relaxed
        requirements.singleSocket = relaxed
        requirements.highestVMPL = highestVMPL
        requirements.minimumGuestSVN = minimumGuestSVN
        requirements.chipIdentity = forbidsZeroChip ? .required : relaxed
        requirements.providers = provider.map { .named([$0]) } ?? .any(because: "the case names none")
        if let floor = minimumTCB {
            requirements.firmware = .atLeast([
                verified.productLine: .init(
                    fmc: floor["fmc"], bootLoader: floor["bootloader"] ?? 0, tee: floor["tee"] ?? 0,
                    snp: floor["snp"] ?? 0, microcode: floor["ucode"] ?? 0)
            ])
        }
        if values["id_key_digest"] != nil || values["author_key_digest"] != nil {
            requirements.identityKeys = .exactly(
                identity: values["id_key_digest"] ?? report.idKeyDigest,
                author: values["author_key_digest"] ?? report.authorKeyDigest)
        }
        return requirements
    }
}
