import Synchronization

/// Where the claims of attested sessions wait for their guests' reads by cookie.
///
/// A cookie has no room for all claims of a token, and a policy in Rego may ask for any of them. Only attested guests put
/// something here. What is not found here is looked for in the store where replicas share one (``KeptClaims``); what is not
/// found there makes a guest attest again.
protocol SessionClaims: Sendable {
    /// Keeps the payload of a token until `until`, in seconds since 1970.
    func remember(_ payload: [UInt8], tokenHash: [UInt8], until: Int64) async throws(BrokerError)
    /// The payload of the token with this hash; nil when it is not there any more.
    func payload(tokenHash: [UInt8], now: Int64) async throws(BrokerError) -> [UInt8]?
}

/// The claims in memory, within a number of bytes; the oldest go first.
final class SessionClaimsMemory: SessionClaims {
    private struct State {
        var payloads: [[UInt8]: (payload: [UInt8], until: Int64)] = [:]
        var order: [[UInt8]] = []
        var first = 0
        var bytes = 0

        mutating func dropFirst() {
            if let gone = payloads.removeValue(forKey: order[first]) { bytes -= gone.payload.count }
            first += 1
            if first > 1024, first * 2 > order.count {
                order.removeFirst(first)
                first = 0
            }
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    init(bytes limit: Int = 64 << 20) { self.limit = limit }

    func remember(_ payload: [UInt8], tokenHash: [UInt8], until: Int64) async throws(BrokerError) {
        guard payload.count <= limit else { return }
        state.withLock { state in
            while state.first < state.order.count, state.bytes + payload.count > limit { state.dropFirst() }
            guard state.payloads.updateValue((payload, until), forKey: tokenHash) == nil else { return }
            state.order.append(tokenHash)
            state.bytes += payload.count
        }
    }

    func payload(tokenHash: [UInt8], now: Int64) async throws(BrokerError) -> [UInt8]? {
        state.withLock { state in
            while state.first < state.order.count,
                state.payloads[state.order[state.first]].map({ $0.until <= now }) ?? true
            { state.dropFirst() }
            return state.payloads[tokenHash]?.payload
        }
    }
}
