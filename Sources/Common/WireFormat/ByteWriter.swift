/// A builder of binary messages.
public struct ByteWriter: Sendable {
    /// What was written so far.
    public var bytes: [UInt8] = []

    /// Starts an empty message.
    public init() {}

    /// Writes one byte.
    public mutating func u8(_ value: UInt8) { bytes.append(value) }
    /// Writes a little-endian 16-bit integer.
    public mutating func u16LE(_ value: UInt16) { integer(value, bigEndian: false) }
    /// Writes a little-endian 32-bit integer.
    public mutating func u32LE(_ value: UInt32) { integer(value, bigEndian: false) }
    /// Writes a little-endian 64-bit integer.
    public mutating func u64LE(_ value: UInt64) { integer(value, bigEndian: false) }
    /// Writes a big-endian 16-bit integer.
    public mutating func u16BE(_ value: UInt16) { integer(value, bigEndian: true) }
    /// Writes a big-endian 32-bit integer.
    public mutating func u32BE(_ value: UInt32) { integer(value, bigEndian: true) }
    /// Writes a big-endian 64-bit integer.
    public mutating func u64BE(_ value: UInt64) { integer(value, bigEndian: true) }

    /// Writes bytes as they are.
    public mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Writes zeros until the message has `count` bytes; does nothing when it already has.
    public mutating func pad(to count: Int) {
        guard bytes.count < count else { return }
        bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
    }

    private mutating func integer(_ value: some FixedWidthInteger, bigEndian: Bool) {
        let width = value.bitWidth / 8
        for index in 0..<width {
            let shift = 8 * (bigEndian ? width - 1 - index : index)
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
