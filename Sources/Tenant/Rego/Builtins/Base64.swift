/// Base 64 as Go's `encoding/base64` reads and writes it.
package struct Base64 {
    private let alphabet: [UInt8]
    private let values: [UInt8]
    private static let none: UInt8 = 0xFF

    /// With `+` and `/`.
    package static let standard = Base64("+/")
    /// With `-` and `_`.
    package static let url = Base64("-_")

    private init(_ last: String) {
        alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8) + last.utf8
        var values = [UInt8](repeating: Self.none, count: 256)
        for (value, byte) in alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
        self.values = values
    }

    /// Bytes to text.
    package func encode(_ bytes: [UInt8], padded: Bool = true) -> String {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let rest = min(3, bytes.count - index)
            var word = UInt32(bytes[index]) << 16
            if rest > 1 { word |= UInt32(bytes[index + 1]) << 8 }
            if rest > 2 { word |= UInt32(bytes[index + 2]) }
            for place in 0...rest { result.append(alphabet[Int(word >> (18 - 6 * UInt32(place)) & 63)]) }
            if padded { result += repeatElement(61, count: 3 - rest) }
            index += 3
        }
        return result.string
    }

    /// Padded text to bytes; line breaks are passed over. The error is the place of the first wrong byte.
    package func decode(_ text: String) -> (bytes: [UInt8], wrongAt: Int?) {
        let input = Array(text.utf8)
        var result: [UInt8] = []
        var quantum: [UInt8] = []
        var index = 0
        func skipBreaks() { while index < input.count, input[index] == 10 || input[index] == 13 { index += 1 } }
        while true {
            skipBreaks()
            guard index < input.count else { break }
            let byte = input[index]
            let value = values[Int(byte)]
            if value != Self.none {
                quantum.append(value)
                index += 1
                if quantum.count == 4 {
                    Self.append(quantum, to: &result)
                    quantum = []
                }
                continue
            }
            // Padding: only as the third and fourth, or only the fourth, and nothing after it.
            guard byte == 61, quantum.count >= 2 else { return (result, index) }
            index += 1
            if quantum.count == 2 {
                skipBreaks()
                guard index < input.count else { return (result, input.count) }
                guard input[index] == 61 else { return (result, index - 1) }
                index += 1
            }
            skipBreaks()
            Self.append(quantum, to: &result)
            return (result, index < input.count ? index : nil)
        }
        return (result, quantum.isEmpty ? nil : input.count - quantum.count)
    }

    private static func append(_ quantum: [UInt8], to bytes: inout [UInt8]) {
        let word = quantum.enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element) << (18 - 6 * UInt32($1.offset)) }
        for place in 0..<(quantum.count - 1) {
            bytes.append(UInt8(truncatingIfNeeded: word >> (16 - 8 * UInt32(place))))
        }
    }
}
