import WireFormat

/// Which guest a line of the audit log is about, as far as its number of lines is bounded.
struct AuditedGuest: Sendable, Equatable, Hashable {
    /// Whose guests share a budget: the manifest's digest, the issuer of a foreign token, or nothing for all guests that nobody
    /// registered.
    var group: String
    /// Which of them it is.
    var name: String
}

/// How many calls of attested guests get a line of their own in the audit log.
///
/// A guest may call as often as it likes, and each granted or refused call is a decision. What it does first, something at any time,
/// and the first decision of each kind have their lines; of more there is a line each minute for each manifest that counts the
/// decisions by name. So no guest fills the disk or buries what others did, one that starts anew under other names neither.
struct GuestBudget: Sendable {
    /// Lines of one guest.
    static let rate = CallRate(perSecond: 0.1, burst: 100)
    /// Lines of all guests of a group.
    static let groupRate = CallRate(perSecond: 2, burst: 5000)
    /// The same for accepted handshakes, of which a large fleet has many, and which show a nonce that was accepted twice.
    static let handshakeRate = CallRate(perSecond: 5, burst: 20_000)
    /// How many guests are remembered.
    static let remembered = 16_384
    /// How many groups are counted apart, and how many decisions of a group.
    static let (groupLimit, decisionLimit) = (256, 32)
    /// How many kinds of refusals of a group have a line in each period in any case, for the first of them. What was granted has
    /// one for each resource, up to ``decisionLimit``.
    static let firstLimit = 8
    /// The most bytes of decisions in one summary: no field of a line is cut that has no more.
    static let partsLimit = 400
    /// The least number of seconds between two summaries.
    static let period: Int64 = 60

    private struct Counted: Hashable {
        var group: String
        var tenant: String
    }

    private var guests = Buckets<AuditedGuest>(rate, remembered: remembered)
    private var groups = Buckets<String>(groupRate, remembered: remembered)
    private var handshakes = Buckets<String>(handshakeRate, remembered: remembered)
    private var counts: [Counted: [String: Int]] = [:]
    private var since: Int64 = 0

    /// Whether a decision about `guest` gets its line; counts it otherwise.
    mutating func admit(_ record: AuditRecord, _ guest: AuditedGuest, now: Int64) -> Bool {
        let time = Double(now)
        if guests.take(guest, now: time) == nil {
            let isHandshake = record.kind == .attest && record.allowed
            let wait =
                isHandshake ? handshakes.take(guest.group, now: time) : groups.take(guest.group, now: time)
            if wait == nil { return true }
        }
        if counts.isEmpty { since = now }
        var group = Counted(group: guest.group, tenant: record.tenant)
        if counts[group] == nil, counts.count >= Self.groupLimit { group = Counted(group: "", tenant: "") }
        var decision = "\(record.kind.rawValue) \(record.allowed ? "allow \(record.resource)" : "deny \(record.check)")"
        let known = counts[group] ?? [:]
        // Whatever tenants the calls are about: a guest asks for any path.
        let kinds = counts.reduce(0) { $0 + ($1.key.group == group.group ? $1.value.count : 0) }
        if known[decision] == nil, kinds < (record.allowed ? Self.decisionLimit : Self.firstLimit) {
            counts[group, default: [:]][decision] = 0
            return true
        }
        if known[decision] == nil, kinds >= Self.decisionLimit {
            decision = "\(record.allowed ? "allow" : "deny") others"
        }
        counts[group, default: [:]][decision, default: 0] += 1
        return false
    }

    /// What was counted, once a period, a record for each group; the count starts anew.
    mutating func summaries(now: Int64, atOnce: Bool = false) -> [AuditRecord] {
        if now < since { since = now }
        guard !counts.isEmpty, atOnce || now - since >= Self.period else { return [] }
        let sorted = counts.sorted { ($0.key.group, $0.key.tenant) < ($1.key.group, $1.key.tenant) }
        let records = sorted.flatMap { summaries(of: $0.value.filter { $0.value > 0 }, $0.key, now: now) }
        counts = [:]
        return records
    }

    /// As many records as the decisions of a group need: what is left out of a line would be hidden by others.
    private func summaries(of decisions: [String: Int], _ group: Counted, now: Int64) -> [AuditRecord] {
        let sorted = decisions.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        var lines: [[String]] = []
        var bytes = Self.partsLimit
        for (decision, count) in sorted {
            let part = "\(ShownText.cut(decision, bytes: Self.partsLimit / 2)) \(count)"
            if bytes + part.utf8.count > Self.partsLimit {
                lines.append([])
                bytes = 0
            }
            lines[lines.count - 1].append(part)
            bytes += part.utf8.count + 2
        }
        let total = decisions.values.reduce(0, +)
        return lines.map { parts in
            var record = AuditRecord(
                kind: .audit, allowed: true, check: "guest-calls",
                reason: "in \(now - since) s \(total) more calls of "
                    + (group.group.isEmpty ? "guests that nobody registered" : "these guests")
                    + " were decided, by decision: " + parts.joined(separator: ", "))
            record.manifest = group.group
            record.tenant = group.tenant
            return record
        }
    }
}
