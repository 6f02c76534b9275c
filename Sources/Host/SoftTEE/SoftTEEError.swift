/// A failure of the simulated security processor, with the sentence for people.
public struct SoftTEEError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was attempted on what, and why it failed.
    public let description: String

    /// Creates a failure.
    public init(_ description: String) { self.description = description }
}
