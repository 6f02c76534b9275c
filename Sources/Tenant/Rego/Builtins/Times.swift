/// `time.*`.
extension Builtin {
    static let times: [Builtin] = [
        Builtin("time.now_ns", 0, isPure: false) { (_: [Value], c: inout Context) throws(Failure) -> Value? in
            guard let now = c.now else { throw .builtin("no time given") }
            return .int(Int(now))
        },
        plain("time.parse_ns", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (layout, value) = try (a.string(1), a.string(2))
            return try nanoseconds(TimeParser.parse(TimeLayout.named[layout] ?? layout, value))
        },
        plain("time.parse_rfc3339_ns", 1) { (a: [Value]) throws(Failure) -> Value? in
            try nanoseconds(TimeParser.parse("2006-01-02T15:04:05Z07:00", a.string(1)))
        },
        plain("time.parse_duration_ns", 1) { (a: [Value]) throws(Failure) -> Value? in
            try .int(duration(a.string(1)))
        },
        Builtin("time.date", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let date = try moment(a.operand(1), &c).moment.date
            return .array([.int(date.year), .int(date.month), .int(date.day)])
        },
        Builtin("time.clock", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let clock = try moment(a.operand(1), &c).moment.clock
            return .array([.int(clock.hour), .int(clock.minute), .int(clock.second)])
        },
        Builtin("time.weekday", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try .string(Calendar.weekdays[moment(a.operand(1), &c).moment.weekday])
        },
        Builtin("time.format", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (moment, _, layout) = try moment(a.operand(1), &c)
            try c.charge(layout.utf8.count * 2)
            let name = layout.isEmpty ? "RFC3339Nano" : layout
            return .string(TimeLayout.format(moment, TimeLayout.named[name] ?? name))
        },
        Builtin("time.add_date", 4, addDate),
        Builtin("time.diff", 2, difference),
    ]

    private static func nanoseconds(_ moment: Moment) throws(Failure) -> Value {
        guard let nanoseconds = moment.nanoseconds else { throw .builtin("time outside of valid range") }
        return .int(nanoseconds)
    }

    /// An operand that is nanoseconds, or an array of them, a zone's name and a layout.
    private static func moment(
        _ value: Value, _ context: inout Context
    ) throws(Failure) -> (moment: Moment, zone: TimeZoneRules, layout: String) {
        let kind = "either number (ns) or [number (ns), string (tz)]"
        var parts = [value]
        if case .array(let array) = value { parts = array }
        guard let first = parts.first else { throw .operand(1, value, kind) }
        guard case .number(let number) = first else {
            throw .operand(1, first, parts.count == 1 && first == value ? kind : "number")
        }
        var texts = ["", ""]
        for index in 1..<3 where parts.count > index {
            guard case .string(let text) = parts[index] else { throw .operand(1, parts[index], "string") }
            texts[index - 1] = text.string
        }
        guard let nanoseconds = number.bigInteger?.int else { throw .builtin("timestamp too big") }
        let zone = try zone(texts[0], &context)
        return (Moment(nanoseconds: nanoseconds, in: zone), zone, texts[1])
    }

    private static func zone(_ name: String, _ context: inout Context) throws(Failure) -> TimeZoneRules {
        if name.isEmpty || name == "UTC" || name == "Local" { return .utc }
        let key = "zone " + name
        if let known = context.cache.objects[key] as? TimeZoneRules { return known }
        try context.charge(1000)
        guard let zone = TimeZoneRules.named(name) else { throw .builtin("unknown time zone \(name)") }
        if context.cache.objects.count >= 100 { context.cache.objects.removeAll() }
        context.cache.objects[key] = zone
        return zone
    }

    private static func addDate(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (moment, zone, _) = try moment(arguments.operand(1), &context)
        let (years, months, days) = try (arguments.int(2), arguments.int(3), arguments.int(4))
        guard [years, months, days].allSatisfy({ $0.magnitude < 1_000_000_000 }) else {
            throw .builtin("time outside of valid range")
        }
        let (date, clock) = (moment.date, moment.clock)
        let day = Calendar.days(date.year + years, date.month + months, date.day) + days
        let local = day * 86_400 + clock.hour * 3600 + clock.minute * 60 + clock.second
        return try nanoseconds(Moment(seconds: zone.universal(local), nanosecond: moment.nanosecond))
    }

    private static func difference(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (one, zone, _) = try moment(arguments.operand(1), &context)
        let other = try moment(arguments.operand(2), &context).moment
        var first = one
        var second = other
        (second.offset, second.zone) = zone.period(at: other.seconds)
        if (first.seconds, first.nanosecond) > (second.seconds, second.nanosecond) { swap(&first, &second) }
        let (from, to) = (first.date, second.date)
        var year = to.year - from.year
        var month = to.month - from.month
        var day = to.day - from.day
        var hour = second.clock.hour - first.clock.hour
        var minute = second.clock.minute - first.clock.minute
        var seconds = second.clock.second - first.clock.second
        if seconds < 0 { (seconds, minute) = (seconds + 60, minute - 1) }
        if minute < 0 { (minute, hour) = (minute + 60, hour - 1) }
        if hour < 0 { (hour, day) = (hour + 24, day - 1) }
        if day < 0 { (day, month) = (day + Calendar.length(from.year, from.month), month - 1) }
        if month < 0 { (month, year) = (month + 12, year - 1) }
        return .array([year, month, day, hour, minute, seconds].map { .int($0) })
    }

    private static let durationUnits: [String: Int] = [
        "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
        "h": 3_600_000_000_000,
    ]

    /// Go's durations, e.g. `1h15m30.918s`.
    private static func duration(_ text: String) throws(Failure) -> Int {
        let invalid = Failure.builtin("time: invalid duration \(GoQuote.quote(text))")
        var rest = Array(text.utf8)[...]
        let isNegative = rest.first == 45
        if isNegative || rest.first == 43 { rest = rest.dropFirst() }
        if rest.string == "0" { return 0 }
        if rest.isEmpty { throw invalid }
        var total: UInt = 0
        while !rest.isEmpty {
            let whole = rest.prefix(while: ASCII.isDigit)
            rest = rest.dropFirst(whole.count)
            var fraction: ArraySlice<UInt8> = []
            if rest.first == 46 {
                fraction = rest.dropFirst().prefix(while: ASCII.isDigit)
                rest = rest.dropFirst(fraction.count + 1)
            }
            guard !whole.isEmpty || !fraction.isEmpty, whole.count < 64 else { throw invalid }
            let name = rest.prefix { $0 != 46 && !ASCII.isDigit($0) }
            if name.isEmpty { throw .builtin("time: missing unit in duration \(GoQuote.quote(text))") }
            guard let unit = durationUnits[name.string] else {
                throw .builtin("time: unknown unit \(GoQuote.quote(name.string)) in duration \(GoQuote.quote(text))")
            }
            rest = rest.dropFirst(name.count)
            guard let count = whole.isEmpty ? 0 : UInt(whole.string) else { throw invalid }
            let (product, overflow) = count.multipliedReportingOverflow(by: UInt(unit))
            var part = Double(unit)
            var extra: UInt = 0
            var digits: UInt = 0
            for digit in fraction.prefix(18) {
                digits = digits * 10 + UInt(digit - 48)
                part /= 10
            }
            if !fraction.isEmpty { extra = UInt(Double(digits) * part) }
            let (sum, carries) = total.addingReportingOverflow(product)
            let (more, carriesAgain) = sum.addingReportingOverflow(extra)
            guard !overflow, !carries, !carriesAgain, more <= UInt(Int.max) + 1 else { throw invalid }
            total = more
        }
        if isNegative { return total == UInt(Int.max) + 1 ? .min : -Int(total) }
        guard let duration = Int(exactly: total) else { throw invalid }
        return duration
    }
}
