import Evidence
import Verifier
import WireFormat

/// What an SNP case demands beside authenticity; what it does not name is relaxed, since cases are laxer than our defaults.
struct SNPCasePolicy {
    private let params: JSONValue
    private var policy: JSONValue { params["policy"] ?? .object([:]) }

    init(_ known: EvidenceCase) { params = known.params }

    func appraise(_ verified: VerifiedEvidence) throws -> Appraisal {
        let report = verified.report
        let measurement = try policy["measurement"]?.stringValue.map { try LaunchMeasurement(hex: $0) }
        let reference = ReferenceValue(
            technology: verified.technology, measurement: measurement ?? report.measurement, processors: 1,
            debug: false,
            version: "case")
        let data = try bytes("report_data") ?? hex(params["expected_report_data"], "expected_report_data")
        let hostData = try bytes("host_data") ?? report.hostData
        let expectations = Expectations(
            reportData: data ?? report.reportData,
            launch: hostData.allSatisfy { $0 == 0 } ? .unbound : .initData(digest: hostData))
        return try Appraiser(requirements: try requirements(verified), references: ReferenceValues([reference]))
            .appraise(verified, expecting: expectations)
    }

    private func requirements(_ verified: VerifiedEvidence) throws -> EvidenceRequirements {
        let relaxed = EvidenceRequirements.Rule.ignored(because: "the case does not ask for it")
        var requirements = EvidenceRequirements.strict
        let allowsDebug = policy["allow_debug"]?.boolValue ?? params["allow_debug"]?.boolValue ?? false
        requirements.noDebug = allowsDebug ? relaxed : .required
        requirements.noMigrationAgent = policy["forbid_migrate_ma"]?.boolValue == true ? .required : relaxed
        requirements.singleSocket = relaxed
        requirements.highestVMPL = try number("vmpl_max") ?? 3
        requirements.minimumGuestSVN = try number("min_guest_svn") ?? 0
        requirements.chipIdentity = policy["allow_zero_chip_id"]?.boolValue == true ? relaxed : .required
        requirements.providers =
            policy["csp_id"]?.stringValue.map { .named([$0]) } ?? .any(because: "the case names none")
        if let floor = policy["min_tcb"] {
            requirements.firmware = .atLeast([
                verified.productLine: .init(
                    fmc: try level(floor, "fmc"), bootLoader: try level(floor, "bootloader") ?? 0,
                    tee: try level(floor, "tee") ?? 0, snp: try level(floor, "snp") ?? 0,
                    microcode: try level(floor, "ucode") ?? 0)
            ])
        }
        if let identity = try bytes("id_key_digest"), let author = try bytes("author_key_digest") {
            requirements.identityKeys = .exactly(identity: identity, author: author)
        }
        return requirements
    }

    private func bytes(_ name: String) throws -> [UInt8]? { try hex(policy[name], name) }

    private func hex(_ value: JSONValue?, _ name: String) throws -> [UInt8]? {
        try value?.stringValue.map { try Hex.decode($0, field: name) }
    }

    private func number(_ name: String) throws -> UInt32? {
        guard let value = policy[name] else { return nil }
        guard let number = value.integerValue.flatMap(UInt32.init(exactly:)) else {
            throw WireError(field: name, reason: "must be a number of 32 bits")
        }
        return number
    }

    private func level(_ floor: JSONValue, _ name: String) throws -> UInt8? {
        guard let value = floor[name] else { return nil }
        guard let number = value.integerValue.flatMap(UInt8.init(exactly:)) else {
            throw WireError(field: "min_tcb.\(name)", reason: "must be from 0 to 255")
        }
        return number
    }
}
