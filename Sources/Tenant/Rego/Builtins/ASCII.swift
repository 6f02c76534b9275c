/// Bytes of ASCII text.
enum ASCII {
    static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    static func isUpper(_ byte: UInt8) -> Bool { byte >= 65 && byte <= 90 }

    static func isLower(_ byte: UInt8) -> Bool { byte >= 97 && byte <= 122 }

    static func isLetter(_ byte: UInt8) -> Bool { isUpper(byte) || isLower(byte) }

    static func isAlphanumeric(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) }

    static func lower(_ byte: UInt8) -> UInt8 { isUpper(byte) ? byte + 32 : byte }

    static func upper(_ byte: UInt8) -> UInt8 { isLower(byte) ? byte - 32 : byte }

    /// The value of a hexadecimal digit.
    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    static let hexDigits = Array("0123456789abcdef".utf8)

    static let upperHexDigits = Array("0123456789ABCDEF".utf8)
}

/// Strings in quotes as Go's `%q` prints them.
enum GoQuote {
    static func quote(_ text: String, quote: UInt8 = 34, asciiOnly: Bool = false) -> String {
        var bytes: [UInt8] = [quote]
        for scalar in text.unicodeScalars { append(scalar, to: &bytes, quote: quote, asciiOnly: asciiOnly) }
        bytes.append(quote)
        return bytes.string
    }

    private static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8], quote: UInt8, asciiOnly: Bool) {
        switch scalar.value {
        case 7: bytes += "\\a".utf8
        case 8: bytes += "\\b".utf8
        case 9: bytes += "\\t".utf8
        case 10: bytes += "\\n".utf8
        case 11: bytes += "\\v".utf8
        case 12: bytes += "\\f".utf8
        case 13: bytes += "\\r".utf8
        case 92, UInt32(quote): bytes += [92, UInt8(truncatingIfNeeded: scalar.value)]
        case 32..<127: bytes.append(UInt8(truncatingIfNeeded: scalar.value))
        case 0..<128: bytes += "\\x\(hex(scalar.value, 2))".utf8
        default:
            if !asciiOnly, isPrintable(scalar) {
                bytes += String(scalar).utf8
            } else if scalar.value < 0x10000 {
                bytes += "\\u\(hex(scalar.value, 4))".utf8
            } else {
                bytes += "\\U\(hex(scalar.value, 8))".utf8
            }
        }
    }

    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }

    private static func hex(_ value: UInt32, _ width: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}

extension Sequence<UInt8> {
    /// The bytes as a string.
    var string: String { String(decoding: Array(self), as: UTF8.self) }
}
