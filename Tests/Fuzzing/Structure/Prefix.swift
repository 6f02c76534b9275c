/// What stands in front of a part and depends on it.
package enum Prefix: Sendable {
    /// The length of the part and of `more` bytes beside it, as a number.
    case length(width: Int, bigEndian: Bool, more: Int)
    /// The number of members, as a number.
    case members(width: Int, bigEndian: Bool)
    /// A DER tag and length.
    case der(tag: UInt8)
    /// The head of a CBOR item: of a string by length, of an array or map by members.
    case cbor(major: UInt8)

    func encoded(length: Int, members: Int) -> [UInt8] {
        switch self {
        case .length(let width, let bigEndian, let more): Self.number(length + more, width, bigEndian)
        case .members(let width, let bigEndian): Self.number(members, width, bigEndian)
        case .der(let tag): [tag] + Self.derLength(length)
        case .cbor(let major):
            switch major {
            case 4: Self.cborHead(major, UInt64(members))
            case 5: Self.cborHead(major, UInt64(members / 2))
            default: Self.cborHead(major, UInt64(length))
            }
        }
    }

    static func number(_ value: Int, _ width: Int, _ bigEndian: Bool) -> [UInt8] {
        let bytes = (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        return bigEndian ? bytes.reversed() : bytes
    }

    private static func derLength(_ length: Int) -> [UInt8] {
        if length < 0x80 { return [UInt8(length)] }
        let bytes = Array(number(length, 8, true).drop { $0 == 0 })
        return [0x80 | UInt8(bytes.count)] + bytes
    }

    private static func cborHead(_ major: UInt8, _ value: UInt64) -> [UInt8] {
        let high = major << 5
        func tail(_ width: Int) -> [UInt8] { number(Int(truncatingIfNeeded: value), width, true) }
        return switch value {
        case 0..<24: [high | UInt8(value)]
        case ..<0x100: [high | 24] + tail(1)
        case ..<0x1_0000: [high | 25] + tail(2)
        case ..<0x1_0000_0000: [high | 26] + tail(4)
        default: [high | 27] + tail(8)
        }
    }
}
