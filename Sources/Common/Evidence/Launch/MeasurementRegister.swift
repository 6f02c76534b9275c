import Crypto
import WireFormat

/// A register that is extended, never set: RTMR 0 to 3 of TDX. It starts as 48 zero bytes.
public struct MeasurementRegister: Hashable, Sendable {
    /// What it holds.
    public private(set) var value = [UInt8](repeating: 0, count: 48)

    /// A register as the guest starts with it.
    public init() {}

    /// The register after these events, in their order.
    public init(_ events: [[UInt8]]) throws(WireError) {
        for event in events { try extend(event) }
    }

    /// Extends it by the digest of an event, 48 bytes.
    public mutating func extend(_ digest: [UInt8]) throws(WireError) {
        guard digest.count == value.count else {
            throw WireError(field: "event digest", reason: "must be \(value.count) bytes, not \(digest.count)")
        }
        value = Array(SHA384.hash(data: value + digest))
    }

    /// 96 lower-case hex digits.
    public var hex: String { Hex.encode(value) }
}
