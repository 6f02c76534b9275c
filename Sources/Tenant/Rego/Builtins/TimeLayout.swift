/// A piece of a Go time layout such as `2006-01-02T15:04:05Z07:00`.
enum TimeLayout {
    enum Piece: Equatable {
        case longMonth, month, numericMonth, zeroMonth
        case longWeekday, weekday
        case day, underDay, zeroDay, underYearDay, zeroYearDay
        case hour, hour12, zeroHour12
        case minute, zeroMinute, second, zeroSecond
        case longYear, year
        case upperHalf, lowerHalf
        case zone
        /// An offset with so many parts (hours, minutes, seconds).
        case offset(parts: Int, hasColons: Bool, isZuluAllowed: Bool)
        /// So many digits, after `separator`; `trims` those that are zero.
        case fraction(digits: Int, trims: Bool, separator: UInt8)
    }

    /// Texts and pieces in the order in which they are looked for.
    private static let fixed: [(String, Piece)] = [
        ("January", .longMonth), ("Monday", .longWeekday), ("MST", .zone), ("002", .zeroYearDay), ("01", .zeroMonth),
        ("02", .zeroDay), ("03", .zeroHour12), ("04", .zeroMinute), ("05", .zeroSecond), ("06", .year), ("15", .hour),
        ("1", .numericMonth), ("2006", .longYear), ("2", .day), ("__2", .underYearDay), ("_2", .underDay),
        ("3", .hour12), ("4", .minute), ("5", .second), ("PM", .upperHalf), ("pm", .lowerHalf),
        ("070000", .offset(parts: 3, hasColons: false, isZuluAllowed: false)),
        ("07:00:00", .offset(parts: 3, hasColons: true, isZuluAllowed: false)),
        ("0700", .offset(parts: 2, hasColons: false, isZuluAllowed: false)),
        ("07:00", .offset(parts: 2, hasColons: true, isZuluAllowed: false)),
        ("07", .offset(parts: 1, hasColons: false, isZuluAllowed: false)),
    ]

    private static let pieces: [(text: [UInt8], piece: Piece)] = fixed.flatMap { text, piece in
        guard case .offset(let parts, let hasColons, _) = piece else { return [(Array(text.utf8), piece)] }
        return [
            (Array("-\(text)".utf8), piece),
            (Array("Z\(text)".utf8), .offset(parts: parts, hasColons: hasColons, isZuluAllowed: true)),
        ]
    }

    /// Text before the next piece, the piece with its text, and what follows.
    static func next(
        _ layout: ArraySlice<UInt8>
    ) -> (prefix: ArraySlice<UInt8>, piece: Piece, text: ArraySlice<UInt8>, rest: ArraySlice<UInt8>)? {
        for index in layout.indices {
            let rest = layout[index...]
            guard let (piece, length) = piece(at: rest) else { continue }
            // "_2006" is an underscore and a year.
            if piece == .underDay, rest.starts(with: "_2006".utf8) {
                return (layout[..<(index + 1)], .longYear, rest.dropFirst().prefix(4), rest.dropFirst(5))
            }
            return (layout[..<index], piece, rest.prefix(length), rest.dropFirst(length))
        }
        return nil
    }

    private static func piece(at rest: ArraySlice<UInt8>) -> (Piece, Int)? {
        guard let first = rest.first else { return nil }
        if first == 46 || first == 44 {
            guard let digit = rest.dropFirst().first, digit == 48 || digit == 57 else { return nil }
            let digits = rest.dropFirst().prefix { $0 == digit }
            if let after = rest.dropFirst(digits.count + 1).first, ASCII.isDigit(after) { return nil }
            return (.fraction(digits: digits.count, trims: digit == 57, separator: first), digits.count + 1)
        }
        for (text, piece) in pieces where text[0] == first && rest.starts(with: text) { return (piece, text.count) }
        for (text, piece) in [("Jan", Piece.month), ("Mon", .weekday)] where rest.starts(with: text.utf8) {
            if let after = rest.dropFirst(3).first, ASCII.isLower(after) { return nil }
            return (piece, 3)
        }
        return nil
    }

    /// The names that OPA takes for Go's constants.
    static let named: [String: String] = [
        "ANSIC": "Mon Jan _2 15:04:05 2006", "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
        "RubyDate": "Mon Jan 02 15:04:05 -0700 2006", "RFC822": "02 Jan 06 15:04 MST",
        "RFC822Z": "02 Jan 06 15:04 -0700",
        "RFC850": "Monday, 02-Jan-06 15:04:05 MST", "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
        "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700", "RFC3339": "2006-01-02T15:04:05Z07:00",
        "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
    ]

    /// A moment in a layout.
    static func format(_ moment: Moment, _ layout: String) -> String {
        var rest = Array(layout.utf8)[...]
        var output: [UInt8] = []
        while let (prefix, piece, _, after) = next(rest) {
            output += prefix
            output += text(piece, moment).utf8
            rest = after
        }
        return (output + rest).string
    }

    private static func pad(_ value: Int, _ width: Int, _ fill: String = "0") -> String {
        let digits = String(value.magnitude)
        return (value < 0 ? "-" : "") + String(repeating: fill, count: max(0, width - digits.utf8.count)) + digits
    }

    private static func text(_ piece: Piece, _ moment: Moment) -> String {
        let (date, clock) = (moment.date, moment.clock)
        let hour12 = clock.hour % 12 == 0 ? 12 : clock.hour % 12
        switch piece {
        case .longMonth: return Calendar.months[date.month - 1]
        case .month: return String(Calendar.months[date.month - 1].prefix(3))
        case .numericMonth: return String(date.month)
        case .zeroMonth: return pad(date.month, 2)
        case .longWeekday: return Calendar.weekdays[moment.weekday]
        case .weekday: return String(Calendar.weekdays[moment.weekday].prefix(3))
        case .day: return String(date.day)
        case .underDay: return pad(date.day, 2, " ")
        case .zeroDay: return pad(date.day, 2)
        case .underYearDay: return pad(moment.dayOfYear, 3, " ")
        case .zeroYearDay: return pad(moment.dayOfYear, 3)
        case .hour: return pad(clock.hour, 2)
        case .hour12: return String(hour12)
        case .zeroHour12: return pad(hour12, 2)
        case .minute: return String(clock.minute)
        case .zeroMinute: return pad(clock.minute, 2)
        case .second: return String(clock.second)
        case .zeroSecond: return pad(clock.second, 2)
        case .longYear: return pad(date.year, 4)
        case .year: return pad(abs(date.year) % 100, 2)
        case .upperHalf: return clock.hour >= 12 ? "PM" : "AM"
        case .lowerHalf: return clock.hour >= 12 ? "pm" : "am"
        case .zone: return moment.zone
        case .offset(_, _, true) where moment.offset == 0: return "Z"
        case .offset(let parts, let hasColons, _):
            let seconds = abs(moment.offset)
            let values = [seconds / 3600, seconds / 60 % 60, seconds % 60].prefix(parts)
            return (moment.offset < 0 ? "-" : "+")
                + values.map { pad($0, 2) }.joined(separator: hasColons ? ":" : "")
        case .fraction(let digits, let trims, let separator):
            var kept = Array(pad(moment.nanosecond, 9).utf8.prefix(digits))
            kept += repeatElement(48, count: max(0, min(digits, 64) - 9))
            if trims { while kept.last == 48 { kept.removeLast() } }
            return kept.isEmpty ? "" : ([separator] + kept).string
        }
    }
}
