/// Base 64 in the two alphabets of RFC 4648, each with one accepted spelling a value.
public enum Base64 {
    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let url = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let standardValues = values(standard)
    private static let urlValues = values(url)
    private static let pad = UInt8(ascii: "=")

    /// Writes the standard alphabet with padding.
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text = encode(Array(bytes), standard)
        while !text.count.isMultiple(of: 4) { text.append(pad) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Writes the URL-safe alphabet without padding.
    public static func encodeURL(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: encode(Array(bytes), url), as: UTF8.self)
    }

    /// Reads the standard alphabet, exactly padded.
    public static func decode(_ text: String, field: String) throws(WireError) -> [UInt8] {
        var digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 4) else { throw WireError(field: field, reason: "base64 padding is missing") }
        for _ in 0..<2 where digits.last == pad { digits.removeLast() }
        return try decode(digits, isURL: false, field)
    }

    /// Reads the URL-safe alphabet without padding.
    public static func decodeURL(_ text: String, field: String) throws(WireError) -> [UInt8] {
        try decode(Array(text.utf8), isURL: true, field)
    }

    /// Reads the URL-safe alphabet without padding out of a part of a longer text.
    public static func decodeURL(_ digits: ArraySlice<UInt8>, field: String) throws(WireError) -> [UInt8] {
        try decode(Array(digits), isURL: true, field)
    }

    /// Reads either alphabet, padded or not, for peers that are not consistent.
    ///
    /// Mixing the alphabets in one text is refused all the same.
    public static func decodeEither(_ text: String, field: String) throws(WireError) -> [UInt8] {
        var digits = Array(text.utf8)
        if digits.count.isMultiple(of: 4) { for _ in 0..<2 where digits.last == pad { digits.removeLast() } }
        let isURL = digits.contains { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
        return try decode(digits, isURL: isURL, field)
    }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count / 3 * 4 + 4)
        let whole = bytes.count - bytes.count % 3
        for index in stride(from: 0, to: whole, by: 3) {
            let held = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
            text.append(alphabet[held >> 18])
            text.append(alphabet[held >> 12 & 63])
            text.append(alphabet[held >> 6 & 63])
            text.append(alphabet[held & 63])
        }
        guard whole < bytes.count else { return text }
        let held = Int(bytes[whole]) << 16 | (whole + 1 < bytes.count ? Int(bytes[whole + 1]) << 8 : 0)
        text.append(alphabet[held >> 18])
        text.append(alphabet[held >> 12 & 63])
        if whole + 1 < bytes.count { text.append(alphabet[held >> 6 & 63]) }
        return text
    }

    private static func decode(_ digits: [UInt8], isURL: Bool, _ field: String) throws(WireError) -> [UInt8] {
        guard digits.count % 4 != 1 else { throw WireError(field: field, reason: "base64 is cut short") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3 + 2)
        var held: UInt32 = 0
        var bits: UInt32 = 0
        let values = isURL ? urlValues : standardValues
        for digit in digits {
            let value = values[Int(digit)]
            guard value < 64 else { throw WireError(field: field, reason: "is not base64") }
            held = held << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: held >> bits))
            }
        }
        guard held & ((1 << bits) - 1) == 0 else { throw WireError(field: field, reason: "base64 has stray bits") }
        return bytes
    }

    /// What each byte stands for; 64 for what is no digit.
    private static func values(_ alphabet: [UInt8]) -> [UInt8] {
        var values = [UInt8](repeating: 64, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }
}
