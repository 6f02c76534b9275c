/// GUIDs in the two byte orders that firmware and AMD's tables use.
enum GUID {
    /// The bytes in the order of the text (RFC 4122): three numbers and the last eight bytes.
    static func bytes(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ rest: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: first >> UInt32(shift))) }
        for number in [second, third] {
            bytes.append(UInt8(truncatingIfNeeded: number >> 8))
            bytes.append(UInt8(truncatingIfNeeded: number))
        }
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: rest >> UInt64(shift)))
        }
        return bytes
    }

    /// The bytes in the order of EFI, where the three leading numbers are little-endian.
    static func efi(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ rest: UInt64) -> [UInt8] {
        let text = bytes(first, second, third, rest)
        return [text[3], text[2], text[1], text[0], text[5], text[4], text[7], text[6]] + text[8...]
    }
}
