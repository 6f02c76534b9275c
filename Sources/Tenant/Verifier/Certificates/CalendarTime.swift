/// A moment of the Gregorian calendar, in UTC and to the second.
struct CalendarTime: Equatable {
    /// Seconds since 1970.
    let seconds: Int64

    /// Reads `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` of a certificate; two-digit years are from 1950 to 2049 (RFC 5280).
    init?(compact text: [UInt8], yearDigits: Int) {
        guard text.count == yearDigits + 11, text.last == UInt8(ascii: "Z") else { return nil }
        var year = 0
        guard let digits = Self.digits(text.dropLast()) else { return nil }
        for digit in digits.prefix(yearDigits) { year = year * 10 + digit }
        if yearDigits == 2 { year += year < 50 ? 2000 : 1900 }
        let rest = stride(from: yearDigits, to: digits.count, by: 2).map { digits[$0] * 10 + digits[$0 + 1] }
        self.init(year, rest[0], rest[1], rest[2], rest[3], rest[4])
    }

    /// Reads `YYYY-MM-DDThh:mm:ssZ` of a JSON document.
    init?(text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 20 else { return nil }
        for (position, sign) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        where bytes[position] != sign.utf8.first { return nil }
        let compact = bytes[0..<4] + bytes[5..<7] + bytes[8..<10] + bytes[11..<13] + bytes[14..<16] + bytes[17...]
        self.init(compact: Array(compact), yearDigits: 4)
    }

    /// Takes seconds since 1970.
    init(seconds: Int64) { self.seconds = seconds }

    private init?(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int) {
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard year > 0, (1...12).contains(month), (1...lengths[month - 1]).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        // Counts years from March, so that the leap day comes last.
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        seconds = Int64(days * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    private static func digits(_ text: ArraySlice<UInt8>) -> [Int]? {
        var digits: [Int] = []
        for byte in text {
            guard (0x30...0x39).contains(byte) else { return nil }
            digits.append(Int(byte) - 0x30)
        }
        return digits
    }

    /// The moment as `YYYY-MM-DDThh:mm:ssZ`.
    var text: String {
        var days = Int(seconds.quotientAndRemainder(dividingBy: 86_400).quotient)
        var rest = Int(seconds % 86_400)
        if rest < 0 {
            rest += 86_400
            days -= 1
        }
        days += 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(rest / 3_600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))Z"
    }
}
