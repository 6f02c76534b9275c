/// A failure to seal, sign, open or verify.
///
/// The reason names what was attempted. It does not tell a wrong key from a changed message, so that it helps nobody who
/// probes, and it never holds secret bytes.
public struct EnvelopeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was attempted and failed.
    public let reason: String

    /// Creates a failure.
    public init(_ reason: String) { self.reason = reason }

    /// The reason.
    public var description: String { reason }
}
