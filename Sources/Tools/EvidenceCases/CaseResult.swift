import Verifier
import WireFormat

/// What became of a case.
public struct CaseResult: Sendable {
    /// The three outcomes.
    public enum Verdict: String, Sendable {
        /// All checks passed.
        case accept
        /// Authentic, but the vendor's status is not `UpToDate`.
        case conditional
        /// Refused.
        case reject
    }

    /// The case's name.
    public var id = ""
    /// The outcome.
    public var verdict: Verdict
    /// The vendor's status in the vendor's word, where there is one.
    public var tcbStatus: String?
    /// `ok`, or the check that refused and why.
    public var reason: String
    /// What the evidence says. It is worth something in an accepted or conditional case only: there it comes from
    /// verified types; of refused evidence it is what was read, or nil.
    public var claims: JSONValue?
    /// The digest that was computed, in hex, where the case is about one.
    public var digest: String?

    /// Joins its parts.
    public init(
        _ verdict: Verdict, tcbStatus: String? = nil, reason: String = "ok", claims: JSONValue? = nil,
        digest: String? = nil
    ) {
        self.verdict = verdict
        self.tcbStatus = tcbStatus
        self.reason = reason
        self.claims = claims
        self.digest = digest
    }

    /// The result as one line of `testudo evidence verify-cases`.
    public var json: JSONValue {
        .object([
            "id": .string(id), "verdict": .string(verdict.rawValue),
            "tcb_status": tcbStatus.map { .string($0) } ?? .null, "reason": .string(reason),
            "claims": claims ?? .null, "digest": digest.map { .string($0) } ?? .null,
        ])
    }
}
