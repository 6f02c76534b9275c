extension Number {
    /// A number from JSON text: an optional minus, digits, fraction, exponent; nil when it is anything else, or has more
    /// digits or a greater exponent than is held.
    public init?(json text: some StringProtocol) {
        var text = String(text)
        let number = text.withUTF8 { Number(json: UnsafeRawBufferPointer($0)) }
        guard let number else { return nil }
        self = number
    }

    /// A number from the bytes of JSON text.
    init?(json bytes: UnsafeRawBufferPointer) {
        var index = 0
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isNegative { index = 1 }
        let start = index
        var word = 0
        while index < bytes.count, let digit = Self.digit(bytes[index]) {
            if index - start < 18 { word = word &* 10 &+ digit }
            index += 1
        }
        let whole = index - start
        if whole == 0 || (whole > 1 && bytes[start] == UInt8(ascii: "0")) { return nil }
        if index == bytes.count, whole <= 18, word != 0 || !isNegative {
            self.init(isNegative ? -word : word)
            return
        }
        guard whole <= Self.digitLimit else { return nil }
        var digits = Array(bytes[start..<index])
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            let first = index
            while index < bytes.count, Self.digit(bytes[index]) != nil { index += 1 }
            if index == first || index - first > Self.digitLimit { return nil }
            digits += bytes[first..<index]
        }
        var exponent = 0
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            let isBelow = index < bytes.count && bytes[index] == UInt8(ascii: "-")
            if isBelow || (index < bytes.count && bytes[index] == UInt8(ascii: "+")) { index += 1 }
            let first = index
            while index < bytes.count, let digit = Self.digit(bytes[index]) {
                exponent = min(exponent * 10 + digit, 10 * Self.digitLimit)
                index += 1
            }
            if index == first { return nil }
            if isBelow { exponent = -exponent }
        }
        guard index == bytes.count else { return nil }
        let decimal = Decimal(isNegative: isNegative, digits: digits, point: whole + exponent)
        guard decimal.point.magnitude <= Self.digitLimit else { return nil }
        if digits.count == bytes.count - start, word != 0 || !isNegative, let int = Self.word(decimal) {
            self.init(int)
        } else {
            self.init(decimal, text: String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func word(_ decimal: Decimal) -> Int? { decimal.point <= 19 ? decimal.bigInteger?.int : nil }

    @inline(__always)
    private static func digit(_ byte: UInt8) -> Int? { byte >= 48 && byte <= 57 ? Int(byte - 48) : nil }
}
