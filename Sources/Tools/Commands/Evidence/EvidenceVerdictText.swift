import Verifier
import WireFormat

/// What `testudo evidence verify` prints, as text or as JSON.
struct EvidenceVerdictText {
    let verification: EvidenceVerification
    let json: Bool

    /// Evidence that is authentic.
    func of(_ outcome: EvidenceVerification.Outcome) -> String {
        let verdict = outcome.isGood ? "accepted" : "conditional"
        let open = verification.notCompared(outcome)
        if json {
            var members: [String: JSONValue] = [
                "verdict": .string(verdict), "tcb_status": outcome.tcbStatus.map { .string($0) } ?? .null,
                "simulated": .bool(outcome.simulated),
                "reservation": outcome.reservation.map { .string($0) } ?? .null,
                "not_compared": .array(open.map { .string($0) }),
                "checks": .array(outcome.fields.map(\.json)), "claims": outcome.claims,
            ]
            members["appraisal"] = outcome.appraisal?.json
            return shown(members)
        }
        var lines = outcome.fields.map(Self.line) + advice
        if outcome.simulated {
            lines.append("simulated: a software stand-in signed this; it proves nothing of a machine")
        }
        if let status = outcome.tcbStatus { lines.append("TCB status: \(status)") }
        lines += outcome.appraisal?.lines ?? []
        let reservation = outcome.reservation ?? "the vendor's status is not UpToDate: policy decides"
        let rest = open.isEmpty ? "" : "; not compared: \(open.joined(separator: ", "))"
        lines.append((outcome.isGood ? "accepted" : "conditional: \(reservation)") + rest)
        return Self.joined(lines)
    }

    /// Evidence that is not to be believed.
    func of(_ refusal: EvidenceRefusal) -> String {
        let fields = refusal.fields.map(verification.notDemanded)
        let status = fields.last { $0.field == "TCB status" && $0.verdict != .notChecked }?.value
        if json {
            return shown([
                "verdict": "refused", "tcb_status": status.map { .string($0) } ?? .null,
                "check": .string(refusal.check.rawValue), "reason": .string(refusal.reason),
                "checks": .array(fields.map(\.json)),
            ])
        }
        return Self.joined(fields.map(Self.line) + advice + ["refused: \(refusal.description)"])
    }

    /// What is not at hand, why, and what to do about it; and what was made of values that are shorter than their field.
    private var advice: [String] {
        verification.notes
            + verification.missing.flatMap { missing in
                (verification.isOffline || missing.reason.isEmpty ? [] : ["not fetched: \(missing.reason)"])
                    + ["missing: \(missing.advice)"]
            }
    }

    private func shown(_ members: [String: JSONValue]) -> String {
        var members = members
        members["missing"] = .array(
            verification.missing.map { missing in
                [
                    "what": missing.need.candidates.first.map { .string($0.title) } ?? .null,
                    "reason": .string(missing.reason), "advice": .string(missing.advice),
                ]
            })
        members["notes"] = .array(verification.notes.map { .string($0) })
        return ShownText.json(JSONValue.object(members).prettyText)
    }

    private static func joined(_ lines: [String]) -> String {
        lines.map { ShownText.line($0) }.joined(separator: "\n")
    }

    private static func line(_ field: FieldVerdict) -> String {
        let mark =
            switch field.verdict {
            case .passed: "ok    "
            case .failed: "FAILED"
            case .notChecked: "-     "
            }
        let value = field.value.isEmpty ? "" : " \(field.value)"
        return "\(mark)  \(field.field):\(value) (\(field.reason))"
    }
}
