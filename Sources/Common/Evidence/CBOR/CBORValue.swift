import WireFormat

/// A CBOR data item (RFC 8949) in preferred serialisation: shortest heads and definite lengths, so that ``bytes`` gives back
/// exactly what was parsed. Anything else is refused.
public indirect enum CBORValue: Equatable, Sendable {
    /// A number from 0 on.
    case unsigned(UInt64)
    /// The number -1 - n.
    case negative(UInt64)
    /// A byte string.
    case bytes([UInt8])
    /// A text.
    case text(String)
    /// A list.
    case array([CBORValue])
    /// Pairs of key and value in the order of the bytes; no key comes twice.
    case map([Pair])
    /// A tagged item.
    case tagged(UInt64, CBORValue)
    /// False (20), true (21), null (22) and other simple values.
    case simple(UInt8)
    /// A floating-point number as its bits: 2, 4 or 8 bytes.
    case float([UInt8])

    /// A key with its value.
    public struct Pair: Equatable, Sendable {
        /// The key.
        public var key: CBORValue
        /// The value.
        public var value: CBORValue

        /// Joins key and value.
        public init(_ key: CBORValue, _ value: CBORValue) {
            self.key = key
            self.value = value
        }
    }

    /// The deepest nesting that is parsed.
    public static let depthLimit = 16
    /// The most bytes that are parsed.
    public static let sizeLimit = 256 * 1024

    /// Parses one item; nothing may follow it.
    public init(parsing bytes: [UInt8], _ field: String) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: field, reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var parser = CBORParser(bytes, field)
        self = try parser.item(depth: 0)
        try parser.finish()
    }

    /// The value of a key that is a number.
    public subscript(key: Int64) -> CBORValue? {
        guard case .map(let pairs) = self else { return nil }
        let wanted: CBORValue = key < 0 ? .negative(UInt64(-1 - key)) : .unsigned(UInt64(key))
        return pairs.first { $0.key == wanted }?.value
    }

    /// The byte string, if this is one.
    public var byteString: [UInt8]? {
        guard case .bytes(let bytes) = self else { return nil }
        return bytes
    }

    /// The text, if this is one.
    public var textString: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    /// The number, if this is one that fits.
    public var integer: Int64? {
        switch self {
        case .unsigned(let number): Int64(exactly: number)
        case .negative(let number): Int64(exactly: number).map { -1 - $0 }
        default: nil
        }
    }

    /// The list, if this is one.
    public var list: [CBORValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The item as bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        write(to: &writer)
        return writer.bytes
    }

    private func write(to writer: inout ByteWriter) {
        switch self {
        case .unsigned(let number): Self.head(0, number, &writer)
        case .negative(let number): Self.head(1, number, &writer)
        case .bytes(let bytes):
            Self.head(2, UInt64(bytes.count), &writer)
            writer.append(bytes)
        case .text(let text):
            Self.head(3, UInt64(text.utf8.count), &writer)
            writer.append(text.utf8)
        case .array(let elements):
            Self.head(4, UInt64(elements.count), &writer)
            for element in elements { element.write(to: &writer) }
        case .map(let pairs):
            Self.head(5, UInt64(pairs.count), &writer)
            for pair in pairs {
                pair.key.write(to: &writer)
                pair.value.write(to: &writer)
            }
        case .tagged(let tag, let value):
            Self.head(6, tag, &writer)
            value.write(to: &writer)
        case .simple(let number): Self.head(7, UInt64(number), &writer)
        case .float(let bits):
            writer.u8(bits.count == 2 ? 0xF9 : bits.count == 4 ? 0xFA : 0xFB)
            writer.append(bits)
        }
    }

    private static func head(_ major: UInt8, _ number: UInt64, _ writer: inout ByteWriter) {
        let top = major << 5
        switch number {
        case 0..<24: writer.u8(top | UInt8(number))
        case 24...0xFF:
            writer.u8(top | 24)
            writer.u8(UInt8(number))
        case 0x100...0xFFFF:
            writer.u8(top | 25)
            writer.u16BE(UInt16(number))
        case 0x1_0000...0xFFFF_FFFF:
            writer.u8(top | 26)
            writer.u32BE(UInt32(number))
        default:
            writer.u8(top | 27)
            writer.u64BE(number)
        }
    }
}
