import Envelope
import WireFormat

/// Looks in the store for keys that another replica has just made, for many callers at once and only so often.
///
/// A guest may come here with a cookie or a token under a key that is a second old. Strangers can send what is under no key
/// at all: they wait together, for one look.
actor KeyRefresh {
    /// The least time from one look to the next.
    static let gap: Duration = .milliseconds(100)

    private var next: Task<BrokerError?, Never>?
    private var last: ContinuousClock.Instant?

    /// Returns after a look that began when this was called or later.
    func look(_ reload: @escaping @Sendable () async -> BrokerError?) async throws(BrokerError) {
        let task = next ?? schedule(reload)
        if let failure = await task.value { throw failure }
    }

    private func schedule(_ reload: @escaping @Sendable () async -> BrokerError?) -> Task<BrokerError?, Never> {
        let due = last.map { $0 + Self.gap }
        let task = Task {
            if let due { try? await Task.sleep(until: due, clock: .continuous) }
            return await begin(reload)
        }
        next = task
        return task
    }

    private func begin(_ reload: @Sendable () async -> BrokerError?) async -> BrokerError? {
        // Whoever comes from here on waits for the look after this one.
        next = nil
        last = .now
        return await reload()
    }
}

extension KeyBroker {
    /// Takes in the keys of other replicas when a cookie is under one that is not known here.
    func learnKey(ofCookie value: String?) async throws(BrokerError) {
        guard sharesSessions, let value, let name = SessionCookie.keyName(value), cookies.key(named: name) == nil else {
            return
        }
        try await learnKeys()
    }

    /// Takes in the keys of other replicas.
    func learnKeys() async throws(BrokerError) {
        try await keyRefresh.look { [self] in
            do throws(BrokerError) {
                try await tokens.reload()
                try await shareCookieKeys()
                return nil
            } catch {
                return error
            }
        }
    }
}
