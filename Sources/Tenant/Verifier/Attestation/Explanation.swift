import WireFormat

/// Why a result is what it is: each claim with what stands behind it, each check, each protection, and the policy's rules.
public struct Explanation: Sendable {
    /// The member of a submodule that holds it in tokens for developers.
    public static let member = "testudo.explanation"

    /// What stands behind a claim.
    public enum ClaimStatus: String, Sendable {
        /// A check of its own compared it with something.
        case checked
        /// A signature covers it; nothing was demanded of it.
        case signed
        /// The vendor says it of the platform.
        case endorsed
        /// A check was left out, for the reason given.
        case notChecked = "not-checked"
    }

    /// One claim.
    public struct Claim: Equatable, Sendable {
        /// The claim's name, parts joined by dots.
        public let name: String
        /// Its value.
        public let value: JSONValue
        /// What stands behind it.
        public let status: ClaimStatus
        /// The check that gave the status, as ``EvidenceRefusal/fields`` names it.
        public let check: String
        /// What the check found.
        public let reason: String
    }

    /// The claims, by name.
    public let claims: [Claim]
    /// All that was looked at, in order.
    public let checks: [FieldVerdict]
    /// The protections with their reasons.
    public let protections: ProtectionView
    /// What each rule of the policy came to.
    public let trace: String

    init(_ verified: VerifiedSubmission, trace: String) {
        checks = verified.fields
        protections = verified.protections
        self.trace = trace
        var leaves: [(String, JSONValue)] = []
        Self.collect("", .object(verified.claims), into: &leaves)
        let fields = verified.fields
        claims = leaves.sorted { $0.0 < $1.0 }.map { Self.claim($0.0, $0.1, fields) }
    }

    private static let leafLimit = 2000

    private static func collect(_ path: String, _ value: JSONValue, into leaves: inout [(String, JSONValue)]) {
        guard leaves.count < leafLimit else { return }
        if let members = value.objectValue, !members.isEmpty {
            for (name, member) in members { collect(path.isEmpty ? name : "\(path).\(name)", member, into: &leaves) }
        } else {
            leaves.append((path, value))
        }
    }

    /// Which check is about a claim, by the claim's last part.
    private static let checksOfClaims: [String: [String]] = [
        "report_data": ["report data", "report_data", "extraData", "challenge"],
        "init_data": ["host data", "mrconfigid", "config_id", "PCR 8", "personalization value"],
        "mr_config_id": ["mrconfigid"], "config_id": ["config_id"],
        "policy_debug_allowed": ["debugging", "debug"], "debug": ["debug"],
        "policy_migrate_ma": ["migration agent"], "policy_single_socket": ["single socket"],
        "measurement": ["measurement"], "chip_id": ["chip"],
        "reported_tcb_bootloader": ["reported TCB"], "reported_tcb_tee": ["reported TCB"],
        "reported_tcb_snp": ["reported TCB"], "reported_tcb_microcode": ["reported TCB"],
        "reported_tcb_fmc": ["reported TCB"], "septve_disable": ["SEPT_VE_DISABLE"],
        "mr_servicetd": ["MRSERVICETD"], "tcb_status": ["TCB status"], "rtmr_0": ["RTMR 0"], "rtmr_1": ["RTMR 1"],
        "rtmr_2": ["RTMR 2"], "rtmr_3": ["RTMR 3"], "uefi_event_logs": ["event payloads"],
        "ak_public": ["attestation key"], "cca_platform_lifecycle": ["lifecycle"],
        "cca_realm_public_key": ["realm key"], "cca_realm_challenge": ["challenge"],
        "cca_realm_personalization_value": ["personalization value"], "cca_platform_instance_id": ["platform"],
    ]

    /// The claims that Intel makes of the platform, and not the quote.
    private static let endorsed: Set<String> = [
        "tcb_date", "advisory_ids", "collateral_expiration_status", "earliest_issue_date", "latest_issue_date",
        "earliest_expiration_date", "tcb_eval_num", "root_ca_crl_num", "pck_crl_num", "root_key_id",
        "platform_provider_id", "platform_instance_id", "is_dynamic_platform", "is_cached_keys", "is_smt_enabled",
        "sgx_type",
    ]

    private static func claim(_ name: String, _ value: JSONValue, _ fields: [FieldVerdict]) -> Claim {
        let last = name.split(separator: ".").last.map(String.init) ?? name
        for check in checksOfClaims[last] ?? [] {
            if let field = fields.last(where: { $0.field == check }) {
                return Claim(
                    name: name, value: value, status: field.verdict == .passed ? .checked : .notChecked,
                    check: field.field, reason: field.reason)
            }
        }
        if endorsed.contains(last) {
            return Claim(
                name: name, value: value, status: .endorsed, check: "TCB status",
                reason: "the vendor certifies or publishes it")
        }
        let register = last.hasPrefix("pcr")
        let check = register ? "pcrDigest" : "signature"
        let found = fields.last { $0.field == check } ?? fields.last { $0.field.hasSuffix("token") }
        return Claim(
            name: name, value: value, status: .signed, check: found?.field ?? "signature",
            reason: found?.reason ?? "the evidence is signed")
    }

    /// The explanation as a document.
    public var json: JSONValue {
        [
            "claims": .array(
                claims.map {
                    [
                        "claim": .string($0.name), "value": $0.value, "status": .string($0.status.rawValue),
                        "check": .string($0.check), "reason": .string($0.reason),
                    ]
                }),
            "checks": .array(checks.map(\.json)), "protections": protections.json, "policy": .string(trace),
        ]
    }
}
