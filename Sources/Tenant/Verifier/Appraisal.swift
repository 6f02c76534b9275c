import Evidence
import WireFormat

/// Evidence that is authentic, bound to what was expected, and judged. Only ``Appraiser`` makes it.
public struct Appraisal: Sendable {
    /// The technology.
    public let technology: Technology
    /// Whether the processor is a software stand-in; decided by the root alone.
    public let simulated: Bool
    /// The report.
    public let report: SNPReport
    /// The published guest that runs; nil only when requirements ignore the measurement.
    public let reference: ReferenceValue?
    /// The trust claims.
    public let trustVector: TrustVector
    /// What the machine protects.
    public let protections: ProtectionView
    /// The name of the policy that judged.
    public let policyIdentifier: String
    /// The claims as policies saw them and tokens carry them (`ear.veraison.annotated-evidence`).
    public let annotatedEvidence: JSONValue
    /// All that was looked at, in order.
    public let fields: [FieldVerdict]

    init(
        _ verified: VerifiedEvidence, reference: ReferenceValue?, trustVector: TrustVector,
        protections: ProtectionView, policyIdentifier: String, annotatedEvidence: JSONValue, fields: [FieldVerdict]
    ) {
        self.technology = verified.technology
        self.simulated = verified.simulated
        self.report = verified.report
        self.reference = reference
        self.trustVector = trustVector
        self.protections = protections
        self.policyIdentifier = policyIdentifier
        self.annotatedEvidence = annotatedEvidence
        self.fields = fields
    }

    /// The launch measurement.
    public var measurement: LaunchMeasurement { report.measurement }
    /// Whether a debug guest runs.
    public var isDebugGuest: Bool { reference?.debug ?? report.policy.allowsDebug }
    /// The overall result.
    public var status: TrustTier { trustVector.status }
    /// SHA-256 of the init-data document that the guest was launched for; nil when the launch is unbound.
    public var initDataDigest: [UInt8]? { report.hostData.contains { $0 != 0 } ? report.hostData : nil }

    /// The appraisal as a token carries it under `submods.cpu0`.
    public var submodule: JSONValue {
        [
            "ear.status": .string(status.name), "ear.trustworthiness-vector": trustVector.json,
            "ear.appraisal-policy-id": .string(policyIdentifier),
            "ear.veraison.annotated-evidence": annotatedEvidence,
        ]
    }
}

/// The claims of a report under the names that the key broker protocol's policies know.
enum SNPClaims {
    static func claims(of verified: VerifiedEvidence) -> [String: JSONValue] {
        let report = verified.report
        let tcb = report.reportedTCB.components(verified.productLine.layout)
        var claims: [String: JSONValue] = [
            "policy_abi_major": .integer(Int64(report.policy.abiMajor)),
            "policy_abi_minor": .integer(Int64(report.policy.abiMinor)),
            "policy_smt_allowed": .bool(report.policy.allowsSMT),
            "policy_migrate_ma": .bool(report.policy.allowsMigrationAgent),
            "policy_debug_allowed": .bool(report.policy.allowsDebug),
            "policy_single_socket": .bool(report.policy.requiresSingleSocket),
            "reported_tcb_bootloader": .integer(Int64(tcb.bootLoader)), "reported_tcb_tee": .integer(Int64(tcb.tee)),
            "reported_tcb_snp": .integer(Int64(tcb.snp)), "reported_tcb_microcode": .integer(Int64(tcb.microcode)),
            "platform_tsme_enabled": .bool(report.platformInfo.tsmeEnabled),
            "platform_smt_enabled": .bool(report.platformInfo.smtEnabled),
            "measurement": .string(report.measurement.hex), "report_data": .string(Hex.encode(report.reportData)),
            "init_data": .string(Hex.encode(report.hostData)), "chip_id": .string(Hex.encode(report.chipID)),
        ]
        if let fmc = tcb.fmc { claims["reported_tcb_fmc"] = .integer(Int64(fmc)) }
        return claims
    }

    /// The object that attestation policies get as input and tokens carry.
    static func annotated(
        _ verified: VerifiedEvidence, _ expectations: Expectations, _ protections: ProtectionView
    ) -> JSONValue {
        let members: [String: JSONValue] = [
            "runtime_data_claims": expectations.runtimeDataClaims, "init_data_claims": expectations.initDataClaims,
            "report_data": .string(Hex.encode(verified.report.reportData)),
            "init_data": .string(Hex.encode(verified.report.hostData)),
            verified.technology.rawValue: .object(claims(of: verified)),
            "protections": .array(protections.names.map { .string($0) }),
        ]
        return .object(members)
    }
}
