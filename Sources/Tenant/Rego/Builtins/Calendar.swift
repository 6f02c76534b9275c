/// Days and dates of the Gregorian calendar without end.
enum Calendar {
    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// Days from 1970-01-01 to a date; month and day may be out of bounds, and run over.
    static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let monthsSince = year * 12 + month - 1
        let month = floorRemainder(monthsSince, 12)
        var year = floorQuotient(monthsSince, 12)
        // Years that begin in March, so that the leap day is the last.
        if month < 2 { year -= 1 }
        let era = floorQuotient(year, 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * ((month + 10) % 12) + 2) / 5
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468 + day - 1
    }

    /// The date so many days after 1970-01-01.
    static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floorQuotient(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }

    static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    static func length(_ year: Int, _ month: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    static func floorQuotient(_ value: Int, _ divisor: Int) -> Int {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    static func floorRemainder(_ value: Int, _ divisor: Int) -> Int {
        let rest = value % divisor
        return rest < 0 ? rest + divisor : rest
    }
}

/// A moment, and the offset with which it is read.
struct Moment {
    /// Seconds since 1970 in UTC.
    var seconds: Int
    var nanosecond: Int
    /// Seconds east of Greenwich.
    var offset = 0
    var zone = "UTC"

    init(seconds: Int, nanosecond: Int) { (self.seconds, self.nanosecond) = (seconds, nanosecond) }

    init(nanoseconds: Int, in zone: TimeZoneRules) {
        seconds = Calendar.floorQuotient(nanoseconds, 1_000_000_000)
        nanosecond = Calendar.floorRemainder(nanoseconds, 1_000_000_000)
        (offset, self.zone) = zone.period(at: seconds)
    }

    private var local: Int { seconds + offset }

    /// Days since 1970-01-01 where the moment is read.
    var day: Int { Calendar.floorQuotient(local, 86_400) }

    var date: (year: Int, month: Int, day: Int) { Calendar.date(day) }

    /// Seconds since midnight.
    private var second: Int { Calendar.floorRemainder(local, 86_400) }

    var clock: (hour: Int, minute: Int, second: Int) { (second / 3600, second / 60 % 60, second % 60) }

    var weekday: Int { Calendar.floorRemainder(day + 4, 7) }

    var dayOfYear: Int { day - Calendar.days(date.year, 1, 1) + 1 }

    /// Nanoseconds since 1970; nil when they do not fit.
    var nanoseconds: Int? {
        // Negative seconds are counted one less short, so that the earliest moment fits.
        let (whole, rest) =
            seconds < 0 && nanosecond > 0 ? (seconds + 1, nanosecond - 1_000_000_000) : (seconds, nanosecond)
        let (product, overflow) = whole.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carries) = product.addingReportingOverflow(rest)
        return overflow || carries ? nil : sum
    }
}
