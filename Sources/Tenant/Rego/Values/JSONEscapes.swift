/// The escapes of JSON strings, which are those of Rego strings too.
enum JSONEscapes {
    /// What stands between the quotes, with its escapes resolved; nil when one is not of JSON, or for a control
    /// character. Halves of surrogate pairs become U+FFFD, as in Go.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> String? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte < 0x20 || byte == UInt8(ascii: "\"") { return nil }
            if byte != UInt8(ascii: "\\") {
                result.append(byte)
                continue
            }
            guard index < bytes.count else { return nil }
            let escape = bytes[index]
            index += 1
            if escape == UInt8(ascii: "u") {
                guard let scalar = scalar(bytes, &index) else { return nil }
                result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else if let plain = plain(escape) {
                result.append(plain)
            } else {
                return nil
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func plain(_ escape: UInt8) -> UInt8? {
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): escape
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        default: nil
        }
    }

    /// The scalar of `\u` escapes, one or a surrogate pair, from the four digits at `index`.
    private static func scalar(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Unicode.Scalar? {
        guard let first = unit(bytes, index) else { return nil }
        index += 4
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u"), let second = unit(bytes, index + 2), second >= 0xDC00,
            second < 0xE000
        {
            index += 6
            return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00)))
        }
        return "\u{FFFD}"
    }

    private static func unit(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UInt32? {
        guard index + 4 <= bytes.count else { return nil }
        var unit: UInt32 = 0
        for byte in bytes[index..<index + 4] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }
}
