import WireFormat

/// A launch measurement: the 48 bytes that name what a guest was started from.
public struct LaunchMeasurement: Hashable, Sendable, CustomStringConvertible {
    /// The digest itself.
    public let bytes: [UInt8]

    /// The number of bytes of every measurement (SHA-384).
    public static let length = 48

    /// Takes exactly 48 bytes.
    public init(bytes: [UInt8]) throws(WireError) {
        guard bytes.count == Self.length else {
            throw WireError(field: "measurement", reason: "must be \(Self.length) bytes, not \(bytes.count)")
        }
        self.bytes = bytes
    }

    /// Reads 96 hex digits.
    public init(hex: String) throws(WireError) { try self.init(bytes: Hex.decode(hex, field: "measurement")) }

    /// For results that are 48 bytes by construction.
    init(digest: [UInt8]) { self.bytes = digest }

    /// 96 lower-case hex digits.
    public var hex: String { Hex.encode(bytes) }

    /// The hex digits.
    public var description: String { hex }
}
