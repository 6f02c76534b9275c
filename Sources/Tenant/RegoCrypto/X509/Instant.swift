/// A second in a certificate.
struct Instant {
    /// Seconds since 1970.
    let seconds: Int64
    /// As Go prints it.
    let text: String

    init(_ node: DERNode) throws(Malformed) {
        let bytes = try node.primitive()
        let isLong = node.node.identifier == .generalizedTime
        guard isLong || node.node.identifier == .utcTime, bytes.last == UInt8(ascii: "Z"),
            bytes.count == (isLong ? 15 : 13)
        else { throw Malformed() }
        var digits: [Int] = []
        for byte in bytes.dropLast() {
            guard byte >= 48, byte <= 57 else { throw Malformed() }
            digits.append(Int(byte) - 48)
        }
        if !isLong { digits = (digits[0] >= 5 ? [1, 9] : [2, 0]) + digits }
        let pairs = stride(from: 0, to: digits.count, by: 2).map { digits[$0] * 10 + digits[$0 + 1] }
        let (year, month, day) = (pairs[0] * 100 + pairs[1], pairs[2], pairs[3])
        guard (1...12).contains(month), (1...31).contains(day), pairs[4] < 24, pairs[5] < 60, pairs[6] < 60 else {
            throw Malformed()
        }
        let days = Self.days(year, month, day)
        seconds = Int64(((days * 24 + pairs[4]) * 60 + pairs[5]) * 60 + pairs[6])
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        text =
            "\(two(pairs[0]))\(two(pairs[1]))-\(two(month))-\(two(day))"
            + "T\(two(pairs[4])):\(two(pairs[5])):\(two(pairs[6]))Z"
    }

    /// Days from 1970 to a date.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
