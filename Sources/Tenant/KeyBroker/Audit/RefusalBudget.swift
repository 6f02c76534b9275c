/// How many refusals of strangers get a line of their own in the audit log.
///
/// Anybody who reaches the broker can be refused a thousand times a second. A tenant who looks for the reason of one
/// refused guest finds it, since the first ones and some at any time are written; of a flood there is a line each minute
/// that counts the checks, so that it can neither fill the disk nor bury what else happened. Bytes are counted as lines
/// are: long lines are fewer.
struct RefusalBudget: Sendable {
    /// How many lines may come at once.
    static let burst = 60
    /// How many seconds pass until there may be one more.
    static let refill: Int64 = 10
    /// How many bytes may come at once.
    static let byteBurst: Int64 = 32 << 10
    /// How many bytes there may be more after each ``refill``.
    static let byteRefill: Int64 = 512
    /// The least number of seconds between two summaries.
    static let period: Int64 = 60

    private var left = Int64(RefusalBudget.burst)
    private var bytesLeft = RefusalBudget.byteBurst
    private var refilled: Int64 = 0
    private var counts: [String: Int] = [:]
    private var since: Int64 = 0

    /// Whether a refusal by `check` gets its line of `bytes`; counts it otherwise.
    mutating func admit(_ check: String, bytes: Int, now: Int64) -> Bool {
        // A clock that was set back must not silence the log until it has caught up.
        if now < refilled { refilled = now }
        let gained = (now - refilled) / Self.refill
        if gained > 0 {
            // No more than fills both, so that no product can overflow.
            let useful = min(gained, max(Int64(Self.burst), Self.byteBurst))
            left = min(Int64(Self.burst), left + useful)
            bytesLeft = min(Self.byteBurst, bytesLeft + useful * Self.byteRefill)
            refilled += gained * Self.refill
        }
        if left > 0, bytesLeft >= Int64(bytes) {
            left -= 1
            bytesLeft -= Int64(bytes)
            return true
        }
        if counts.isEmpty { since = now }
        counts[check, default: 0] += 1
        return false
    }

    /// What was counted, once a period; the count starts anew.
    ///
    /// - Parameter refused: Who was refused.
    mutating func summary(now: Int64, to refused: String = "strangers", atOnce: Bool = false) -> AuditRecord? {
        if now < since { since = now }
        guard !counts.isEmpty, atOnce || now - since >= Self.period else { return nil }
        let total = counts.values.reduce(0, +)
        let parts = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
        counts = [:]
        return AuditRecord(
            kind: .audit, allowed: true, check: "refusals",
            reason: "in \(now - since) s \(total) more calls were refused to \(refused), by check: "
                + parts.joined(separator: ", "))
    }
}
