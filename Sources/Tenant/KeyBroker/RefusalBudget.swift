/// How many refusals of strangers get a line of their own in the audit log.
///
/// Anybody who reaches the broker can be refused a thousand times a second. A tenant who looks for the reason of one
/// refused guest finds it, since the first ones and some at any time are written; of a flood there is a line each minute
/// that counts the checks, so that it can neither fill the disk nor bury what else happened.
struct RefusalBudget: Sendable {
    /// How many lines may come at once.
    static let burst = 60
    /// How many seconds pass until there may be one more.
    static let refill: Int64 = 10
    /// The least number of seconds between two summaries.
    static let period: Int64 = 60

    private var left = RefusalBudget.burst
    private var refilled: Int64 = 0
    private var counts: [String: Int] = [:]
    private var since: Int64 = 0

    /// Whether a refusal by `check` gets a line; counts it otherwise.
    mutating func admit(_ check: String, now: Int64) -> Bool {
        // A clock that was set back must not silence the log until it has caught up.
        if now < refilled { refilled = now }
        let gained = (now - refilled) / Self.refill
        if gained > 0 {
            left = Int(min(Int64(Self.burst), Int64(left) + gained))
            refilled += gained * Self.refill
        }
        if left > 0 {
            left -= 1
            return true
        }
        if counts.isEmpty { since = now }
        counts[check, default: 0] += 1
        return false
    }

    /// What was counted, once a period; the count starts anew.
    mutating func summary(now: Int64, atOnce: Bool = false) -> AuditRecord? {
        if now < since { since = now }
        guard !counts.isEmpty, atOnce || now - since >= Self.period else { return nil }
        let total = counts.values.reduce(0, +)
        let parts = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
        counts = [:]
        return AuditRecord(
            kind: .audit, allowed: true, check: "refusals",
            reason: "in \(now - since) s \(total) more calls were refused to strangers, by check: "
                + parts.joined(separator: ", "))
    }
}
