import Synchronization

/// Whether the broker takes its leave.
final class Draining: Sendable {
    private let flag = Mutex(false)

    var hasBegun: Bool { flag.withLock { $0 } }

    func begin() { flag.withLock { $0 = true } }
}

extension KeyBroker {
    /// Looks at all files and at the store now: what `SIGHUP` asks for.
    public func reload() async {
        files.refresh()
        try? await followReplicas()
    }

    /// Ends the broker after the last answer: notes the end of the audit log, then closes log and store.
    public func shutdown() async {
        draining.begin()
        audit.settle()
        try? await noteAuditHead()
        await store.sealed.shutdown()
    }

    static let leaving = BrokerError(.unavailable, check: "draining", "the broker is about to end", retryAfter: 5)
}
