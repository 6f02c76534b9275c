import WireFormat

/// One entry of `status.conditions`.
public struct Condition: Equatable, Sendable {
    /// The truth of a condition.
    public enum Truth: String, Sendable {
        /// It holds.
        case yes = "True"
        /// It does not.
        case no = "False"
        /// Not known yet.
        case unknown = "Unknown"
    }

    /// The name of the condition.
    public let type: String
    /// Whether it holds.
    public let truth: Truth
    /// A word for programs; empty when it holds.
    public let reason: String
    /// A sentence for people: what failed and what to do.
    public let message: String

    /// Creates a condition.
    public init(_ type: String, _ truth: Truth, reason: String = "", message: String = "") {
        self.type = type
        self.truth = truth
        self.reason = reason
        self.message = message
    }
}

/// `status.conditions` as a whole.
enum Conditions {
    /// The condition of one type in an object's status.
    static func find(_ type: String, in object: JSONValue) -> JSONValue? {
        object.at("status", "conditions")?.arrayValue?.first { $0["type"]?.stringValue == type }
    }

    /// The conditions as JSON; a transition time is kept while the truth stays.
    static func render(_ conditions: [Condition], over old: JSONValue, now: String) -> JSONValue {
        .array(
            conditions.map { condition in
                let before = self.find(condition.type, in: old)
                let same = before?["status"]?.stringValue == condition.truth.rawValue
                var fields: [String: JSONValue] = [
                    "type": .string(condition.type), "status": .string(condition.truth.rawValue),
                    "lastTransitionTime": same ? before?["lastTransitionTime"] ?? .string(now) : .string(now),
                ]
                if !condition.reason.isEmpty { fields["reason"] = .string(condition.reason) }
                if !condition.message.isEmpty { fields["message"] = .string(condition.message) }
                return .object(fields)
            })
    }
}
