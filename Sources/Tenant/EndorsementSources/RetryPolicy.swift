/// How often a place is asked again, and after which pauses.
public struct RetryPolicy: Sendable {
    /// Attempts at one place, at least one.
    public var attempts: Int
    /// The pause after the first attempt; it doubles from then on.
    public var firstPause: Duration
    /// The longest pause that is made unasked.
    public var longestPause: Duration
    /// The longest pause that a server may ask for; a server that asks for more is left alone.
    public var longestAsked: Duration
    /// How long one attempt may take.
    public var attemptLimit: Duration
    /// How long all attempts at all places may take together.
    public var totalLimit: Duration

    /// Three attempts, within thirty seconds.
    public static let standard = RetryPolicy(
        attempts: 3, firstPause: .milliseconds(500), longestPause: .seconds(4), longestAsked: .seconds(15),
        attemptLimit: .seconds(10), totalLimit: .seconds(30))

    /// The pause after attempt number `attempt` (from 0): between half and all of the doubled one, so that those who were
    /// refused together do not come back together.
    func pause(after attempt: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let full = min(firstPause * (1 << min(attempt, 16)), longestPause)
        return full * Double.random(in: 0.5...1, using: &random)
    }
}

/// The header `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
enum RetryAfter {
    /// How long the server asks to wait; nil for what is neither. A moment that has passed is no wait.
    static func seconds(_ value: String, now: Int64) -> Int64? {
        if !value.isEmpty, value.utf8.count <= 9, value.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return Int64(value)
        }
        return moment(value).map { max(0, $0 - now) }
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers may write.
    private static func moment(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = number(words[1], 1...31),
            let month = months.firstIndex(where: { $0 == words[2] }), let year = number(words[3], 1970...9999)
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, let hour = number(clock[0], 0...23), let minute = number(clock[1], 0...59),
            let second = number(clock[2], 0...60)
        else { return nil }
        // Counts years from March, so that the leap day comes last.
        let shifted = month > 1 ? year : year - 1
        let dayOfYear = (153 * (month > 1 ? month - 2 : month + 10) + 2) / 5 + day - 1
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return Int64(days * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard text.utf8.count <= 4, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text),
            range.contains(value)
        else { return nil }
        return value
    }
}
