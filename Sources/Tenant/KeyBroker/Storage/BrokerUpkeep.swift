import AuditTrail
import Foundation
import Logging
import SealedStorage
import ServiceLifecycle
import WireFormat

/// What the broker does beside answering: it takes in what other replicas changed, forgets old nonces and notes the end of
/// the audit log in the store.
///
/// What is withdrawn at one replica holds at all of them within ``period`` (rule R15 asks for 60 s).
struct BrokerUpkeep: Service {
    let broker: KeyBroker
    let logger: Logger

    /// How often the store is looked at.
    static let period: Duration = .seconds(5)
    /// How many rounds there are between two sweeps of nonces.
    private static let roundsBetweenSweeps = 12

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var round = 0
            var trouble: String?
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.period)
                guard !Task.isCancelled else { break }
                round += 1
                broker.files.refresh()
                do throws(BrokerError) {
                    try await broker.followReplicas()
                    try await broker.noteAuditHead()
                    if round % Self.roundsBetweenSweeps == 0 {
                        try await broker.store.sweepNonces(now: broker.clock.seconds)
                        try await broker.store.sweepSessionClaims(now: broker.clock.seconds)
                        try await broker.store.maintain()
                    }
                    if trouble != nil { logger.info("the store answers again") }
                    trouble = nil
                } catch {
                    // Once for each kind of trouble, not every five seconds.
                    if trouble != error.auditedReason { logger.warning("upkeep: \(error.auditedReason)") }
                    trouble = error.auditedReason
                }
            }
        }
        try? await broker.noteAuditHead()
    }
}

extension KeyBroker {
    /// Refuses to decide on what may be out of date: when the store was not looked at for a while it is now, and must answer.
    func requireFresh() async throws(BrokerError) {
        if followed.age > Self.stale { try await followReplicas() }
    }

    /// How old what is in memory may be when a decision rests on it.
    private static let stale: Duration = .seconds(staleSeconds)
    static let staleSeconds: Int64 = 20

    /// Takes in what changed in the store: reference values, policies, keys and revocations.
    func followReplicas() async throws(BrokerError) {
        do {
            try await store.sealed.refresh()
        } catch {
            throw BrokerError(error)
        }
        try await follow("revocations", [.revocation]) { () throws(BrokerError) in try await revocations.reload() }
        try await follow("references", [.referenceValue, .referenceMark, .release]) { () throws(BrokerError) in
            try await named.reload()
        }
        try await follow("policies", [.resourcePolicy]) { () throws(BrokerError) in try await policies.reload() }
        try await tokens.reload()
        if sharesSessions { try await shareCookieKeys() }
        // Last, since a file of this broker's that cannot be read keeps the stored policy from judging: it is tried again each time, and
        // after a while nothing is decided any more on what another replica took away.
        try await follow("attestation-policies", [.attestationPolicy]) { () throws(BrokerError) in
            try await attestationPolicies.reload()
            guard let failure = applyAttestationPolicy() else { return }
            // Guests may be who hears of it.
            throw BrokerError(
                .unavailable, check: "attestation-policy", "the broker waits for its operator",
                note:
                    "the stored attestation policy changed, and a file of this broker cannot be used: \(failure)")
        }
        followed.mark()
    }

    private func follow(
        _ name: String, _ families: [EntryFamily], _ reload: () async throws(BrokerError) -> Void
    ) async throws(BrokerError) {
        let generation = await store.sealed.generation(families)
        guard followed.isNews(name, generation) else { return }
        try await reload()
        followed.note(name, generation)
    }

    /// Notes the last line of the audit log in the store, which whoever has the log's file cannot change.
    ///
    /// A line that was noted before and is not in the log any more stays noted, so that every check of the log misses it.
    func noteAuditHead() async throws(BrokerError) {
        guard let head = audit.head else { return }
        let key = EntryFamily.setting["audit-head/\(replica)"]
        let noted = try await read(notedHeads: key)
        if noted.last == head { return }
        var next = noted
        // What was moved away by its owner is not missing: heads are compared with lines that should still be here.
        if let last = noted.last, head.sequence > last.sequence, audit.holds(last) { next.removeLast() }
        next = Array((next + [head]).suffix(Self.headLimit))
        let text = Array(next.map(\.text).joined(separator: "\n").utf8)
        try await store.transact([], isRoutine: true) { (transaction) throws(BrokerError) in transaction.put(key, text)
        }
    }

    private static let headLimit = 64

    private func read(notedHeads key: EntryKey) async throws(BrokerError) -> [AuditHead] {
        let text = try await store.read(key).map { String(decoding: $0.value, as: UTF8.self) } ?? ""
        return text.split(separator: "\n").compactMap { AuditHead(String($0)) }
    }

    /// The last line that was noted for each replica's log, and before it, as `NAME#1` and so on, those that went missing.
    func auditHeads() async throws(BrokerError) -> JSONValue {
        var heads: [String: JSONValue] = [:]
        for entry in try await store.list(.setting) where entry.name.hasPrefix("audit-head/") {
            let name = String(entry.name.dropFirst("audit-head/".count))
            let noted = String(decoding: entry.value, as: UTF8.self).split(separator: "\n").map(String.init)
            for (number, missing) in noted.dropLast().enumerated() {
                heads["\(name)#\(number + 1)"] = .string(missing)
            }
            heads[name] = noted.last.map { .string($0) }
        }
        return .object(heads)
    }
}
