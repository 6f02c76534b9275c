/// A forward-only reader over bytes that came from outside the trust boundary.
public struct ByteReader: Sendable {
    private let bytes: [UInt8]
    /// The number of bytes consumed so far.
    public private(set) var offset = 0

    /// Starts reading at the first byte.
    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// The number of bytes not read yet.
    public var remaining: Int { bytes.count - offset }

    /// Reads one byte.
    public mutating func u8(_ field: String) throws(WireError) -> UInt8 { try integer(field, bigEndian: true) }
    /// Reads a little-endian 16-bit integer.
    public mutating func u16LE(_ field: String) throws(WireError) -> UInt16 { try integer(field, bigEndian: false) }
    /// Reads a little-endian 32-bit integer.
    public mutating func u32LE(_ field: String) throws(WireError) -> UInt32 { try integer(field, bigEndian: false) }
    /// Reads a little-endian 64-bit integer.
    public mutating func u64LE(_ field: String) throws(WireError) -> UInt64 { try integer(field, bigEndian: false) }
    /// Reads a big-endian 16-bit integer.
    public mutating func u16BE(_ field: String) throws(WireError) -> UInt16 { try integer(field, bigEndian: true) }
    /// Reads a big-endian 32-bit integer.
    public mutating func u32BE(_ field: String) throws(WireError) -> UInt32 { try integer(field, bigEndian: true) }
    /// Reads a big-endian 64-bit integer.
    public mutating func u64BE(_ field: String) throws(WireError) -> UInt64 { try integer(field, bigEndian: true) }

    /// Copies the next `count` bytes out.
    public mutating func bytes(_ count: Int, _ field: String) throws(WireError) -> [UInt8] {
        guard count >= 0, count <= remaining else {
            throw WireError(field: field, reason: "needs \(count) bytes, \(remaining) are left")
        }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    /// Skips `count` bytes that must all be zero.
    public mutating func zeros(_ count: Int, _ field: String) throws(WireError) {
        guard try bytes(count, field).allSatisfy({ $0 == 0 }) else {
            throw WireError(field: field, reason: "reserved bytes must be zero")
        }
    }

    /// Takes all bytes that are left.
    public mutating func rest() -> [UInt8] {
        defer { offset = bytes.count }
        return Array(bytes[offset...])
    }

    /// Ends the parse; bytes left over are an error.
    public func finish() throws(WireError) {
        guard remaining == 0 else { throw WireError(field: "end", reason: "\(remaining) bytes are left over") }
    }

    private mutating func integer<Integer: FixedWidthInteger & UnsignedInteger>(
        _ field: String, bigEndian: Bool
    ) throws(WireError) -> Integer {
        let taken = try bytes(Integer.bitWidth / 8, field)
        var value: Integer = 0
        for byte in bigEndian ? taken : taken.reversed() {
            // One byte at a time; the smart shift of a full width (8-bit integers) yields zero as wanted.
            value = value << 8 | Integer(byte)
        }
        return value
    }
}
