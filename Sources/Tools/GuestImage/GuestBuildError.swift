/// Why a guest image was not built: what was attempted on what, and what to do.
public struct GuestBuildError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What went wrong.
    public let description: String

    /// Creates an error.
    public init(_ description: String) { self.description = description }
}
