import AuditTrail
import Foundation
import WireFormat

/// One decision of the broker.
public struct AuditRecord: Sendable, Equatable {
    /// What was decided upon.
    public enum Kind: String, Sendable {
        /// Evidence.
        case attest
        /// A secret for a guest.
        case release
        /// A leaf certificate.
        case certificate
        /// An operation with a key.
        case key
        /// An administrator's call.
        case admin
        /// The log itself: refusals that were counted, files that fill up.
        case audit
    }

    /// What was decided upon.
    public var kind: Kind
    /// Whether it was granted.
    public var allowed: Bool
    /// The check that decided.
    public var check: String
    /// Why, for the tenant.
    public var reason: String
    /// The manifest digest, as far as known.
    public var manifest: String = ""
    /// The launch measurement, as far as known.
    public var measurement: String = ""
    /// The resource, names of a certificate or admin path.
    public var resource: String = ""
    /// The administrator's name.
    public var subject: String = ""
    /// Whether a software root signed the evidence; nil when it is not known.
    public var simulated: Bool?

    /// The tenant whom it is about; empty for what is the broker's own.
    public var tenant: String = ""
    /// SHA-256 of the administrator's certificate; empty where none is needed.
    public var certificate: String = ""
    /// SHA-256 of the challenge that evidence was made for, so that the logs of all replicas show a nonce that was accepted
    /// twice; empty where there was none.
    public var nonce: String = ""
    /// The `trace_id` of the answer; empty for what is no answer to a call.
    public var trace: String = ""

    /// The guest whose lines are bounded; nil for decisions that have a line in any case.
    var guest: AuditedGuest?

    /// Creates a record.
    public init(kind: Kind, allowed: Bool, check: String, reason: String) {
        self.kind = kind
        self.allowed = allowed
        self.check = check
        self.reason = reason
    }

    /// The bytes of a field's text, and those of a field in a line that would be too long otherwise.
    private static let (fieldLimit, shortFieldLimit) = (512, 128)
    /// The bytes of a whole line: nine short fields of which each byte may need a second one, and what is constant.
    static let lineLimit = 4096

    /// The line, of at most ``lineLimit`` bytes, whatever the texts are that came from outside; without its line feed.
    func line(at time: Date, _ link: AuditLink) -> [UInt8] {
        let line = line(at: time, link, limit: Self.fieldLimit)
        return line.count < Self.lineLimit ? line : self.line(at: time, link, limit: Self.shortFieldLimit)
    }

    private func line(at time: Date, _ link: AuditLink, limit: Int) -> [UInt8] {
        func short(_ text: String) -> JSONValue { .string(ShownText.cut(text, bytes: limit)) }
        let decision = kind == .audit ? "note" : allowed ? "allow" : "deny"
        var members: [String: JSONValue] = [
            "time": .string(Timestamp.text(time)), "kind": .string(kind.rawValue),
            "decision": .string(decision), "check": short(check), "reason": short(reason),
            "manifest": short(manifest), "measurement": short(measurement), "resource": short(resource),
            "subject": short(subject), "simulated": simulated.map { .bool($0) } ?? .null,
            "trace": short(trace),
        ]
        if !certificate.isEmpty { members["certificate"] = short(certificate) }
        if !nonce.isEmpty { members["nonce"] = short(nonce) }
        if !tenant.isEmpty { members["tenant"] = short(tenant) }
        return JSONValue.object(members.merging(link.members) { $1 }).canonicalBytes
    }
}
