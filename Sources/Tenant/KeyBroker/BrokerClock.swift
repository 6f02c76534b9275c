import Foundation

/// Where the broker takes the time from; tests put a hand-moved clock here.
public struct BrokerClock: Sendable {
    private let source: @Sendable () -> Date

    /// Creates a clock that asks `source` each time.
    public init(_ source: @escaping @Sendable () -> Date) { self.source = source }

    /// The clock of the machine.
    public static let system = BrokerClock { Date() }

    /// The present moment.
    public var now: Date { source() }

    /// Whole seconds since 1970.
    public var seconds: Int64 { Int64(source().timeIntervalSince1970) }
}

/// RFC 3339 texts in UTC, the only form of time that the broker writes.
enum Timestamp {
    /// The text of a moment, with milliseconds.
    static func text(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// The last second that RFC 3339 can write. What is stored keeps numbers up to 2^53 only: a later time would be another
    /// one, or none, when it is read again.
    static let last: Int64 = 253_402_300_799

    /// Reads whole seconds since 1970 or an RFC 3339 text; nil when it is neither, or is later than ``last``.
    static func seconds(parsing text: String) -> Int64? {
        if let number = Int64(text) { return number <= last ? number : nil }
        guard isDay(text.prefix(10)) else { return nil }
        for style in [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)] {
            guard let date = try? style.parse(text) else { continue }
            let seconds = date.timeIntervalSince1970
            return seconds.magnitude <= Double(last) ? Int64(seconds) : nil
        }
        return nil
    }

    /// Whether the calendar has the day `YYYY-MM-DD`; the parser would take the 31st of April for the 1st of May.
    private static func isDay(_ text: Substring) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2] else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return lengths.indices.contains(month - 1) && (1...lengths[month - 1]).contains(day)
    }
}
