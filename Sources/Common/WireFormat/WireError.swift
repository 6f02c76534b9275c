/// A refusal of bytes or text that came from outside, naming the place and the reason.
///
/// Neither member ever holds the refused value itself, and of an unknown name at most 64 bytes: an error may be logged.
public struct WireError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The name or path of the refused field.
    public let field: String
    /// What was wrong with it.
    public let reason: String

    /// Creates a refusal of `field` because of `reason`.
    public init(field: String, reason: String) {
        self.field = field
        self.reason = reason
    }

    /// The place and the reason in one line.
    public var description: String { "\(field): \(reason)" }
}
