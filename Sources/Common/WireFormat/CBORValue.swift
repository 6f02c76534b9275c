/// A CBOR data item (RFC 8949).
public indirect enum CBORValue: Equatable, Sendable {
    /// A whole number of major type 0.
    case unsigned(UInt64)
    /// A whole number of major type 1; the number is `-1 - argument`.
    case negative(UInt64)
    /// A byte string.
    case bytes([UInt8])
    /// A text.
    case text(String)
    /// A list.
    case array([CBORValue])
    /// Pairs in the order of the document; no two keys are equal.
    case map([(key: CBORValue, value: CBORValue)])
    /// A tagged item.
    case tagged(UInt64, CBORValue)
    /// `true` or `false`.
    case bool(Bool)
    /// `null`.
    case null
    /// `undefined`.
    case undefined
    /// Another simple value.
    case simple(UInt8)
    /// A number of 16, 32 or 64 bits, with the bytes that stood there.
    case float(Double, encoded: [UInt8])

    /// Items are equal when they are written alike.
    public static func == (left: CBORValue, right: CBORValue) -> Bool { left.encoded == right.encoded }

    /// A whole number, when it fits 64 bits with a sign.
    public var integerValue: Int64? {
        switch self {
        case .unsigned(let number): Int64(exactly: number)
        case .negative(let argument): Int64(exactly: argument).map { -1 - $0 }
        default: nil
        }
    }

    /// The byte string, if this is one.
    public var bytesValue: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }
    /// The text, if this is one.
    public var textValue: String? { if case .text(let text) = self { text } else { nil } }
    /// The list, if this is one.
    public var arrayValue: [CBORValue]? { if case .array(let items) = self { items } else { nil } }
    /// The pairs, if this is a map.
    public var mapValue: [(key: CBORValue, value: CBORValue)]? { if case .map(let pairs) = self { pairs } else { nil } }

    /// The value of a map's whole-number key.
    public subscript(key: Int64) -> CBORValue? { mapValue?.first { $0.key.integerValue == key }?.value }
    /// The value of a map's text key.
    public subscript(key: String) -> CBORValue? { mapValue?.first { $0.key.textValue == key }?.value }

    /// The item in its shortest form, pairs in their order: the form that ``init(parsing:limits:)`` demands.
    public var encoded: [UInt8] {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return bytes
    }

    private func encode(into bytes: inout [UInt8]) {
        switch self {
        case .unsigned(let number): Self.head(0, number, &bytes)
        case .negative(let argument): Self.head(1, argument, &bytes)
        case .bytes(let content):
            Self.head(2, UInt64(content.count), &bytes)
            bytes += content
        case .text(let text):
            Self.head(3, UInt64(text.utf8.count), &bytes)
            bytes += text.utf8
        case .array(let items):
            Self.head(4, UInt64(items.count), &bytes)
            for item in items { item.encode(into: &bytes) }
        case .map(let pairs):
            Self.head(5, UInt64(pairs.count), &bytes)
            for pair in pairs {
                pair.key.encode(into: &bytes)
                pair.value.encode(into: &bytes)
            }
        case .tagged(let tag, let item):
            Self.head(6, tag, &bytes)
            item.encode(into: &bytes)
        case .bool(let value): bytes.append(value ? 0xF5 : 0xF4)
        case .null: bytes.append(0xF6)
        case .undefined: bytes.append(0xF7)
        case .simple(let value): bytes += value < 24 ? [0xE0 | value] : [0xF8, value]
        case .float(_, let encoded): bytes += encoded
        }
    }

    private static func head(_ major: UInt8, _ argument: UInt64, _ bytes: inout [UInt8]) {
        let width: Int
        switch argument {
        case 0..<24:
            bytes.append(major << 5 | UInt8(argument))
            return
        case 24...0xFF: width = 1
        case 0x100...0xFFFF: width = 2
        case 0x1_0000...0xFFFF_FFFF: width = 4
        default: width = 8
        }
        bytes.append(major << 5 | UInt8(24 + width.trailingZeroBitCount))
        for shift in stride(from: 8 * (width - 1), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: argument >> UInt64(shift)))
        }
    }
}
