import Evidence
import Verifier
import WireFormat

/// Cases of event logs: a log, and the registers that it must explain.
enum EventLogCases {
    /// Whether the case is about a log and not about a launch.
    static func plays(_ known: EvidenceCase) -> Bool {
        let hasLog = known.files["event_log"] != nil || known.files["event_log_json"] != nil
        let hasRegisters = known.files["quote"] != nil || known.files["expected"] != nil
        return hasLog && hasRegisters && known.params["td_hob_gpa"] == nil
    }

    static func play(_ known: EvidenceCase) throws -> CaseResult {
        if known.files["event_log_json"] != nil { return try playRuntime(known) }
        let log = try BootEventLog(parsing: try known.bytes("event_log"))
        // The first record counts too.
        var claims: [String: JSONValue] = ["events": .integer(Int64(log.events.count + 1))]
        if let rtmrs = try statedRTMRs(known) {
            claims.merge(Self.claims(try EventLogReplay.rtmrs(log))) { first, _ in first }
            return try result(claims) { _ = try EventLogVerifier.verify(log, rtmrs: rtmrs) }
        }
        let registers = try PCRBanks(json: try JSONValue.parse(try known.bytes("expected")))
        return try result(claims) { _ = try EventLogVerifier.verify(log, registers: registers) }
    }

    /// Replays the log beside a verified quote; a case without one asks nothing.
    static func replay(_ known: EvidenceCase, rtmrs: [[UInt8]]) throws {
        if let bytes = try known.optionalBytes("event_log") {
            _ = try EventLogVerifier.verify(try BootEventLog(parsing: bytes), rtmrs: rtmrs)
        }
        if let bytes = try known.optionalBytes("event_log_json") {
            _ = try EventLogVerifier.verify(try RuntimeEventLog(json: try JSONValue.parse(bytes)), rtmrs: rtmrs)
        }
    }

    private static func playRuntime(_ known: EvidenceCase) throws -> CaseResult {
        let log = try RuntimeEventLog(json: try JSONValue.parse(try known.bytes("event_log_json")))
        guard let rtmrs = try statedRTMRs(known) else {
            throw WireError(field: "expected", reason: "has no RTMRs to compare the log with")
        }
        return try result(claims(EventLogReplay.rtmrs(log))) { _ = try EventLogVerifier.verify(log, rtmrs: rtmrs) }
    }

    /// The RTMRs of the quote, or of the JSON in `expected`; nil when that is about PCRs.
    ///
    /// These cases are about the log: the quote's registers are taken as stated, its signature is the matter of others.
    private static func statedRTMRs(_ known: EvidenceCase) throws -> [[UInt8]]? {
        if known.files["quote"] != nil {
            guard case .domain(let report) = try Quote(parsing: try known.bytes("quote")).body else {
                throw WireError(field: "quote", reason: "is not of a TD")
            }
            return report.rtmr
        }
        let expected = try JSONValue.parse(try known.bytes("expected"))
        guard expected["rtmr0"] != nil else { return nil }
        return try (0..<EventLogReplay.rtmrCount).map { index in
            guard let text = expected["rtmr\(index)"]?.stringValue else {
                throw WireError(field: "rtmr\(index)", reason: "is missing")
            }
            return try Hex.decode(text, field: "rtmr\(index)")
        }
    }

    private static func claims(_ rtmrs: [[UInt8]]) -> [String: JSONValue] {
        var claims: [String: JSONValue] = [:]
        for (index, value) in rtmrs.enumerated() { claims["rtmr\(index)"] = .string(Hex.encode(value)) }
        return claims
    }

    /// The claims are what the log gives, whether or not the registers agree.
    private static func result(
        _ claims: [String: JSONValue], _ verify: () throws -> Void
    ) throws -> CaseResult {
        do {
            try verify()
            return CaseResult(.accept, claims: .object(claims))
        } catch let refusal as EvidenceRefusal {
            return CaseResult(.reject, reason: refusal.description, claims: .object(claims))
        }
    }
}
