import WireFormat

/// Why an image layer was refused.
public struct LayerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The reason, in words, for the tenant.
    public let reason: String

    /// Creates an error.
    public init(_ reason: String) { self.reason = reason }

    /// The reason.
    public var description: String { reason }

    static func wrap<R>(_ body: () throws(WireError) -> R) throws(LayerError) -> R {
        do throws(WireError) { return try body() } catch { throw LayerError("\(error)") }
    }
}
