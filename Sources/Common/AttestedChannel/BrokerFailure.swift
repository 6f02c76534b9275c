/// Why the key broker gave nothing.
public struct BrokerFailure: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure, a closed list.
    public enum Kind: String, Sendable {
        /// The broker did not answer, after several attempts.
        case unreachable
        /// The broker refused; the reason is its own.
        case denied
        /// The broker has no such resource.
        case notFound
        /// The broker's answer was not what the protocol says.
        case badAnswer
        /// This machine could give no evidence.
        case noEvidence
    }

    /// What kind.
    public let kind: Kind
    /// What was attempted and what came of it. Holds no secret; may hold text of the broker, so it is for the tenant.
    public let reason: String

    /// Creates a failure.
    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = String(reason.prefix(1024))
    }

    /// Kind and reason.
    public var description: String { "key broker: \(kind.rawValue): \(reason)" }
}
