import Evidence
import WireFormat

/// What a machine protects, found out from evidence that was verified, with a reason for each protection.
///
/// The technology's name alone gives nothing: debugging takes secrecy away, a stand-in has none, an old firmware is not a
/// current one. A manifest or a policy can therefore ask for protections and leave the vendor open.
public struct ProtectionView: Equatable, Sendable {
    /// What is known of one protection.
    public struct Finding: Equatable, Sendable {
        /// Whether the machine has it.
        public let isGiven: Bool
        /// Why, or why not.
        public let reason: String
    }

    /// How the machine isolates guests.
    public let mechanism: IsolationMechanism
    /// What is known of each protection.
    public private(set) var findings: [Protection: Finding]

    /// What the machine protects.
    public var given: Set<Protection> { Set(findings.filter(\.value.isGiven).keys) }

    /// The names of what the machine protects, sorted: `input.protections` of policies.
    public var names: [String] { given.map(\.rawValue).sorted() }

    init(_ mechanism: IsolationMechanism) {
        self.mechanism = mechanism
        findings = [:]
        for protection in Protection.allCases {
            let isGiven = mechanism.strongest.contains(protection)
            findings[protection] = Finding(
                isGiven: isGiven,
                reason: isGiven ? "\(mechanism.rawValue) gives it" : mechanism.absence(of: protection))
        }
    }

    /// Notes what evidence says of a protection, given or not.
    mutating func set(_ protection: Protection, _ isGiven: Bool, _ reason: String) {
        findings[protection] = Finding(isGiven: isGiven, reason: reason)
    }

    /// Takes away what would be there but for `reason`; what is not there keeps its reason.
    mutating func lose(_ protections: Set<Protection>, _ reason: String) {
        for protection in protections where findings[protection]?.isGiven == true {
            findings[protection] = Finding(isGiven: false, reason: reason)
        }
    }

    /// What a debugger outside of the guest takes away.
    mutating func setDebugging(_ isOn: Bool) {
        guard mechanism != .simulated else { return }
        set(.debugOff, !isOn, isOn ? "the host may debug the guest" : "evidence says that debugging is off")
        guard isOn else { return }
        lose(
            [
                .memoryConfidentiality, .memoryIntegrity, .replayProtection, .registerConfidentiality,
                .registerIntegrity, .ciphertextHiding,
            ], "the host may debug the guest and so read and write its memory")
    }

    /// Refuses a machine that lacks one of the protections.
    ///
    /// - Parameter wanted: Names as in a manifest.
    public func require(_ wanted: [String]) throws(EvidenceRefusal) {
        var record = VerificationRecord()
        for name in wanted.sorted() {
            guard let protection = Protection(rawValue: name) else {
                throw record.refusal(.protection, "protection", name, "no protection has the name \(name)")
            }
            let finding = findings[protection]
            let reason = finding?.reason ?? "nothing is known of it"
            try record.require(
                finding?.isGiven ?? false, .protection, "protection", name, passed: reason,
                failed: "\(name) is demanded and missing: \(reason)")
        }
    }

    /// Each protection with its reason, for those who want to know.
    public var json: JSONValue {
        .array(
            Protection.allCases.compactMap { protection in
                findings[protection].map {
                    [
                        "protection": .string(protection.rawValue), "given": .bool($0.isGiven),
                        "reason": .string($0.reason),
                    ]
                }
            })
    }
}
