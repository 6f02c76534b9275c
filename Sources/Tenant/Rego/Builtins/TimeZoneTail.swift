/// The rule for times after the last transition of a zone file, e.g. `CET-1CEST,M3.5.0,M10.5.0/3`.
struct TimeZoneTail: Sendable {
    private enum Day: Sendable {
        /// The `week`th weekday of a month; the fifth is the last.
        case weekday(month: Int, week: Int, day: Int)
        /// Day of the year from 1, without leap days.
        case julian(Int)
        /// Day of the year from 0.
        case ordinal(Int)
    }

    private struct Change: Sendable {
        var day: Day
        var second: Int
    }

    private let standard: (offset: Int, name: String)
    private let summer: (offset: Int, name: String)?
    private let begin: Change
    private let end: Change

    init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        guard let name = Self.name(&rest), let offset = Self.time(&rest) else { return nil }
        standard = (-offset, name)
        let never = Change(day: .ordinal(0), second: 0)
        guard let summerName = Self.name(&rest) else {
            guard rest.isEmpty else { return nil }
            (summer, begin, end) = (nil, never, never)
            return
        }
        let summerOffset = rest.first == 44 ? nil : Self.time(&rest)
        summer = (summerOffset.map { -$0 } ?? -offset + 3600, summerName)
        guard let begin = Self.change(&rest), let end = Self.change(&rest), rest.isEmpty else { return nil }
        (self.begin, self.end) = (begin, end)
    }

    func period(at seconds: Int) -> (offset: Int, name: String) {
        guard let summer else { return standard }
        let year = Calendar.date(Calendar.floorQuotient(seconds + standard.offset, 86_400)).year
        let from = Self.moment(begin, year) - standard.offset
        let to = Self.moment(end, year) - summer.offset
        let isSummer = from < to ? seconds >= from && seconds < to : seconds >= from || seconds < to
        return isSummer ? summer : standard
    }

    /// Seconds of a change, on the clock that is being left.
    private static func moment(_ change: Change, _ year: Int) -> Int {
        let day: Int
        switch change.day {
        case .julian(let number):
            day = Calendar.days(year, 1, number) + (number > 59 && Calendar.isLeap(year) ? 1 : 0)
        case .ordinal(let number): day = Calendar.days(year, 1, 1) + number
        case .weekday(let month, let week, let weekday):
            let first = Calendar.days(year, month, 1)
            let skip = Calendar.floorRemainder(weekday - Calendar.floorRemainder(first + 4, 7), 7)
            var number = skip + (week - 1) * 7
            while number >= Calendar.length(year, month) { number -= 7 }
            day = first + number
        }
        return day * 86_400 + change.second
    }

    private static func name(_ rest: inout ArraySlice<UInt8>) -> String? {
        let isQuoted = rest.first == 60
        if isQuoted { rest = rest.dropFirst() }
        let name = rest.prefix { isQuoted ? $0 != 62 : ASCII.isLetter($0) }
        guard name.count >= 3 else { return nil }
        rest = rest.dropFirst(name.count + (isQuoted ? 1 : 0))
        return name.string
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, _ limit: Int) -> Int? {
        let digits = rest.prefix(while: ASCII.isDigit)
        guard digits.count <= 3, let number = Int(digits.string), number <= limit else { return nil }
        rest = rest.dropFirst(digits.count)
        return number
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    private static func time(_ rest: inout ArraySlice<UInt8>) -> Int? {
        let isNegative = rest.first == 45
        if isNegative || rest.first == 43 { rest = rest.dropFirst() }
        guard var seconds = number(&rest, 167).map({ $0 * 3600 }) else { return nil }
        for unit in [60, 1] where rest.first == 58 {
            rest = rest.dropFirst()
            guard let part = number(&rest, 59) else { return nil }
            seconds += part * unit
        }
        return isNegative ? -seconds : seconds
    }

    private static func change(_ rest: inout ArraySlice<UInt8>) -> Change? {
        guard rest.first == 44 else { return nil }
        rest = rest.dropFirst()
        let day: Day
        switch rest.first {
        case UInt8(ascii: "M"):
            rest = rest.dropFirst()
            guard let month = number(&rest, 12), month > 0, rest.first == 46 else { return nil }
            rest = rest.dropFirst()
            guard let week = number(&rest, 5), week > 0, rest.first == 46 else { return nil }
            rest = rest.dropFirst()
            guard let weekday = number(&rest, 6) else { return nil }
            day = .weekday(month: month, week: week, day: weekday)
        case UInt8(ascii: "J"):
            rest = rest.dropFirst()
            guard let number = number(&rest, 365), number > 0 else { return nil }
            day = .julian(number)
        default:
            guard let number = number(&rest, 365) else { return nil }
            day = .ordinal(number)
        }
        guard rest.first == 47 else { return Change(day: day, second: 7200) }
        rest = rest.dropFirst()
        return time(&rest).map { Change(day: day, second: $0) }
    }
}
