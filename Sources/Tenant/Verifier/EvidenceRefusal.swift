import WireFormat

/// One thing that was looked at, as `testudo attest` prints it.
public struct FieldVerdict: Equatable, Sendable {
    /// What became of a field.
    public enum Verdict: String, Sendable {
        /// The check passed.
        case passed
        /// The check refused.
        case failed
        /// The check was not made, for the reason given.
        case notChecked = "not-checked"
    }

    /// The field's name.
    public let field: String
    /// Its value as text.
    public let value: String
    /// What became of it.
    public let verdict: Verdict
    /// Why.
    public let reason: String

    /// States what one check found.
    public init(field: String, value: String, verdict: Verdict, reason: String) {
        self.field = field
        self.value = value
        self.verdict = verdict
        self.reason = reason
    }

    /// The verdict as JSON.
    public var json: JSONValue {
        [
            "field": .string(field), "value": .string(value), "verdict": .string(verdict.rawValue),
            "reason": .string(reason),
        ]
    }
}

/// Why evidence was refused; reasons are for the tenant, never for the host.
public struct EvidenceRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// The check that refused.
    public let check: EvidenceCheck
    /// The reason in words.
    public let reason: String
    /// All that was looked at up to the refusal, the refused field last.
    public let fields: [FieldVerdict]

    /// The check and the reason in one line.
    public var description: String { "\(check.rawValue): \(reason)" }
}

/// The list of verdicts while a verification runs.
struct VerificationRecord: Sendable {
    private(set) var fields: [FieldVerdict]
    /// Checks that are not made. Only tests set it, to show that each check refuses something that nothing else refuses.
    @TaskLocal static var switchedOff: Set<EvidenceCheck> = []

    init(_ fields: [FieldVerdict] = []) { self.fields = fields }

    mutating func pass(_ field: String, _ value: String, _ reason: String) {
        fields.append(FieldVerdict(field: field, value: value, verdict: .passed, reason: reason))
    }

    mutating func skip(_ field: String, _ value: String, because reason: String) {
        fields.append(FieldVerdict(field: field, value: value, verdict: .notChecked, reason: reason))
    }

    /// Ends the verification.
    func refusal(_ check: EvidenceCheck, _ field: String, _ value: String, _ reason: String) -> EvidenceRefusal {
        let last = FieldVerdict(field: field, value: value, verdict: .failed, reason: reason)
        return EvidenceRefusal(check: check, reason: reason, fields: fields + [last])
    }

    /// Passes when `holds`, refuses otherwise.
    mutating func require(
        _ holds: Bool, _ check: EvidenceCheck, _ field: String, _ value: String, passed: String, failed: String
    ) throws(EvidenceRefusal) {
        guard holds || Self.switchedOff.contains(check) else { throw refusal(check, field, value, failed) }
        pass(field, value, passed)
    }
}
