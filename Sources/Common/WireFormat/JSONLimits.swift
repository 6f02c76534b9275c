/// The sizes a JSON document may have before it is refused.
public struct JSONLimits: Equatable, Sendable {
    /// The number of arrays and objects that may be open at once.
    public var depth: Int
    /// The number of bytes of the whole document.
    public var size: Int

    /// Creates limits; the defaults are those of ``standard``.
    public init(depth: Int = 64, size: Int = 8 << 20) {
        self.depth = depth
        self.size = size
    }

    /// 64 levels and 8 MiB: more than any document of the protocols spoken here needs.
    public static let standard = JSONLimits()
}
