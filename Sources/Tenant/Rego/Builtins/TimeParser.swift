/// Reads a time in a Go layout, with Go's errors.
struct TimeParser {
    private let layout: String
    private let value: String
    private var rest: ArraySlice<UInt8>

    private var year = 0
    private var month: Int?
    private var day: Int?
    private var dayOfYear: Int?
    private var clock = (hour: 0, minute: 0, second: 0)
    private var nanosecond = 0
    private var isAfternoon: Bool?
    private var offset: Int?

    private init(_ layout: String, _ value: String) {
        self.layout = layout
        self.value = value
        rest = Array(value.utf8)[...]
    }

    static func parse(_ layout: String, _ value: String) throws(Builtin.Failure) -> Moment {
        var parser = TimeParser(layout, value)
        return try parser.run()
    }

    private func bad(_ part: ArraySlice<UInt8>, _ element: ArraySlice<UInt8>) -> Builtin.Failure {
        .builtin(
            "parsing time \(GoQuote.quote(value)) as \(GoQuote.quote(layout)): cannot parse "
                + "\(GoQuote.quote(part.string)) as \(GoQuote.quote(element.string))")
    }

    private func bad(_ message: String) -> Builtin.Failure {
        .builtin("parsing time \(GoQuote.quote(value)): \(message)")
    }

    private mutating func run() throws(Builtin.Failure) -> Moment {
        var left = Array(layout.utf8)[...]
        while let (prefix, piece, text, after) = TimeLayout.next(left) {
            try skip(prefix)
            let hold = rest
            guard let outOfRange = read(piece, after) else { throw bad(hold, text) }
            if !outOfRange.isEmpty { throw bad("\(outOfRange) out of range") }
            left = after
        }
        try skip(left)
        if !rest.isEmpty { throw bad("extra text: \(GoQuote.quote(rest.string))") }
        return try moment()
    }

    private func moment() throws(Builtin.Failure) -> Moment {
        var hour = clock.hour
        if isAfternoon == true, hour < 12 { hour += 12 }
        if isAfternoon == false, hour == 12 { hour = 0 }
        var days: Int
        if let dayOfYear {
            guard dayOfYear >= 1, dayOfYear <= (Calendar.isLeap(year) ? 366 : 365) else {
                throw bad("day-of-year out of range")
            }
            days = Calendar.days(year, 1, dayOfYear)
            let date = Calendar.date(days)
            if let month, month != date.month { throw bad("day-of-year does not match month") }
            if let day, day != date.day { throw bad("day-of-year does not match day") }
        } else {
            let (month, day) = (month ?? 1, day ?? 1)
            guard day >= 1, day <= Calendar.length(year, month) else { throw bad("day out of range") }
            days = Calendar.days(year, month, day)
        }
        days *= 86_400
        return Moment(
            seconds: days + hour * 3600 + clock.minute * 60 + clock.second - (offset ?? 0), nanosecond: nanosecond)
    }

    /// Text of the layout; a space stands for any number of them.
    private mutating func skip(_ prefix: ArraySlice<UInt8>) throws(Builtin.Failure) {
        var left = prefix
        while let byte = left.first {
            if byte == 32 {
                if let next = rest.first, next != 32 { throw bad(rest, prefix) }
                left = left.drop { $0 == 32 }
                rest = rest.drop { $0 == 32 }
            } else {
                guard rest.first == byte else { throw bad(rest, prefix) }
                left = left.dropFirst()
                rest = rest.dropFirst()
            }
        }
    }

    private mutating func number(_ isFixed: Bool = true) -> Int? {
        let digits = rest.prefix(2).prefix(while: ASCII.isDigit)
        guard !digits.isEmpty, digits.count == 2 || !isFixed else { return nil }
        rest = rest.dropFirst(digits.count)
        return Int(digits.string)
    }

    private mutating func digits(_ count: Int) -> Int? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy(ASCII.isDigit) else { return nil }
        rest = rest.dropFirst(count)
        return Int(digits.string)
    }

    private mutating func name(_ names: [String], _ length: Int?) -> Int? {
        for (index, name) in names.enumerated() {
            let wanted = length.map { name.utf8.prefix($0).map(ASCII.lower) } ?? name.utf8.map(ASCII.lower)
            if rest.prefix(wanted.count).map(ASCII.lower) == wanted {
                rest = rest.dropFirst(wanted.count)
                return index
            }
        }
        return nil
    }

    /// Takes one piece: nil when it is not there, else the name of what is out of range, or "".
    private mutating func read(_ piece: TimeLayout.Piece, _ after: ArraySlice<UInt8>) -> String? {
        switch piece {
        case .year:
            guard let two = digits(2) else { return nil }
            year = two + (two >= 69 ? 1900 : 2000)
        case .longYear:
            guard let four = digits(4) else { return nil }
            year = four
        case .month, .longMonth:
            guard let index = name(Calendar.months, piece == .month ? 3 : nil) else { return nil }
            month = index + 1
        case .numericMonth, .zeroMonth:
            guard let number = number(piece == .zeroMonth) else { return nil }
            month = number
            if number < 1 || number > 12 { return "month" }
        case .weekday, .longWeekday: if name(Calendar.weekdays, piece == .weekday ? 3 : nil) == nil { return nil }
        case .day, .underDay, .zeroDay:
            if piece == .underDay, rest.first == 32 { rest = rest.dropFirst() }
            guard let number = number(piece == .zeroDay) else { return nil }
            day = number
        case .underYearDay, .zeroYearDay:
            if piece == .underYearDay {
                var spaces = 0
                while spaces < 2, rest.first == 32 {
                    rest = rest.dropFirst()
                    spaces += 1
                }
                guard let number = digits(3 - spaces) else { return nil }
                dayOfYear = number
            } else {
                guard let number = digits(3) else { return nil }
                dayOfYear = number
            }
        case .hour:
            guard let number = number(false) else { return nil }
            clock.hour = number
            if number >= 24 { return "hour" }
        case .hour12, .zeroHour12:
            guard let number = number(piece == .zeroHour12) else { return nil }
            clock.hour = number
            if number > 12 { return "hour" }
        case .minute, .zeroMinute:
            guard let number = number(piece == .zeroMinute) else { return nil }
            clock.minute = number
            if number >= 60 { return "minute" }
        case .second, .zeroSecond:
            guard let number = number(piece == .zeroSecond) else { return nil }
            clock.second = number
            if number >= 60 { return "second" }
            // A fraction may follow though the layout has none.
            if case .fraction = TimeLayout.next(after)?.piece { break }
            _ = fraction(nil)
        case .upperHalf, .lowerHalf: return half(piece == .upperHalf)
        case .zone: return zone()
        case .offset(let parts, let hasColons, let isZuluAllowed): return offset(parts, hasColons, isZuluAllowed)
        case .fraction(let digits, let trims, _): return trims ? fraction(nil) ?? "" : fraction(digits)
        }
        return ""
    }

    private mutating func half(_ isUpper: Bool) -> String? {
        let text = rest.prefix(2).string
        guard text == (isUpper ? "PM" : "pm") || text == (isUpper ? "AM" : "am") else { return nil }
        isAfternoon = text == "PM" || text == "pm"
        rest = rest.dropFirst(2)
        return ""
    }

    /// `.123`: so many digits, or any number of them.
    private mutating func fraction(_ count: Int?) -> String? {
        guard let first = rest.first, first == 46 || first == 44 else { return nil }
        let digits = rest.dropFirst().prefix(count ?? .max).prefix(while: ASCII.isDigit)
        guard !digits.isEmpty, count.map({ $0 == digits.count }) ?? true else { return nil }
        rest = rest.dropFirst(digits.count + 1)
        let nine = digits.prefix(9) + repeatElement(48, count: max(0, 9 - digits.count))
        nanosecond = Int(nine.string) ?? 0
        return ""
    }

    private mutating func offset(_ parts: Int, _ hasColons: Bool, _ isZuluAllowed: Bool) -> String? {
        if isZuluAllowed, rest.first == 90 {
            rest = rest.dropFirst()
            offset = 0
            return ""
        }
        guard let sign = rest.first, sign == 43 || sign == 45 else { return nil }
        rest = rest.dropFirst()
        var values = [0, 0, 0]
        for part in 0..<parts {
            if part > 0, hasColons {
                guard rest.first == 58 else { return nil }
                rest = rest.dropFirst()
            }
            guard let number = digits(2) else { return nil }
            values[part] = number
        }
        if values[0] > 24 { return "time zone offset hour" }
        if values[1] > 60 { return "time zone offset minute" }
        if values[2] > 60 { return "time zone offset second" }
        let seconds = (values[0] * 60 + values[1]) * 60 + values[2]
        offset = sign == 45 ? -seconds : seconds
        return ""
    }

    /// A zone's abbreviation; whatever it is, it is read as UTC, as Go does where it knows no zones.
    private mutating func zone() -> String? {
        if rest.starts(with: "UTC".utf8) {
            rest = rest.dropFirst(3)
            return ""
        }
        if rest.starts(with: "ChST".utf8) || rest.starts(with: "MeST".utf8) {
            rest = rest.dropFirst(4)
            return ""
        }
        var length = 0
        if rest.starts(with: "GMT".utf8) { length = 3 }
        let signed = rest.dropFirst(length)
        if length == 3 || signed.first == 43 || signed.first == 45 {
            if let sign = signed.first, sign == 43 || sign == 45 {
                let digits = signed.dropFirst().prefix(while: ASCII.isDigit)
                if !digits.isEmpty, digits.count < 4, let hours = Int(digits.string), hours <= 23 {
                    length += digits.count + 1
                } else if length == 0 {
                    return nil
                }
            }
            rest = rest.dropFirst(length)
            return ""
        }
        let upper = rest.prefix(6).prefix(while: ASCII.isUpper)
        switch upper.count {
        case 3: break
        case 4: guard upper.last == 84 || upper.string == "WITA" else { return nil }
        case 5: guard upper.last == 84 else { return nil }
        default: return nil
        }
        rest = rest.dropFirst(upper.count)
        return ""
    }
}
