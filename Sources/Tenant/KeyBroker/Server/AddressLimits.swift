import Synchronization
import WireFormat

/// How often one address may call, as a bucket that calls take from and time fills.
public struct CallRate: Sendable, Equatable {
    /// How many calls a second fill the bucket.
    public var perSecond: Double
    /// How many calls may come at once.
    public var burst: Double

    /// Creates a rate.
    public init(perSecond: Double, burst: Double) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// The limits of calls that need no credential: the member `rateLimits` of the configuration.
public struct CallLimits: Sendable, Equatable {
    /// `POST /auth`: cheap, so many guests behind one address are no problem.
    public var auth = CallRate(perSecond: 100, burst: 1000)
    /// `POST /attest`: each call may verify signatures and certificates.
    public var attest = CallRate(perSecond: 50, burst: 500)
    /// How many addresses are remembered; of more, those that were quiet longest are forgotten.
    public var addresses = 65_536
    /// How many connections one address may have open at once.
    public var connections = 512

    /// The defaults.
    public init() {}

    /// Takes the member out of the configuration.
    mutating func read(_ configuration: inout JSONFields) throws(WireError) {
        guard var fields = try configuration.optionalFields("rateLimits") else { return }
        auth = try Self.rate(&fields, "auth", auth)
        attest = try Self.rate(&fields, "attest", attest)
        if let count = try fields.optionalInteger("addresses") {
            guard (16...16_777_216).contains(count) else {
                throw fields.refusal("addresses", "must be 16 to 16777216")
            }
            addresses = Int(count)
        }
        if let count = try fields.optionalInteger("connections") {
            guard (1...65_536).contains(count) else { throw fields.refusal("connections", "must be 1 to 65536") }
            connections = Int(count)
        }
        try fields.finish()
    }

    private static func rate(
        _ fields: inout JSONFields, _ name: String, _ fallback: CallRate
    ) throws(WireError) -> CallRate {
        guard var member = try fields.optionalFields(name) else { return fallback }
        let rate = CallRate(
            perSecond: Double(try member.integer("perSecond", in: 1...1_000_000)),
            burst: Double(try member.integer("burst", in: 1...10_000_000)))
        try member.finish()
        return rate
    }
}

/// The buckets of a broker, one set for each call that needs no credential.
struct CallLimiter: Sendable {
    private let auth: AddressLimits
    private let attest: AddressLimits
    private let lines: AddressLimits
    private let tenants: Allowances<String>
    private let start = ContinuousClock.now

    /// How many refusals of genuine guests at one address have a line of their own in the audit log at once.
    static let refusedGuestLines = 60

    init(_ limits: CallLimits) {
        auth = AddressLimits(limits.auth, addresses: limits.addresses)
        attest = AddressLimits(limits.attest, addresses: limits.addresses)
        lines = AddressLimits(
            CallRate(perSecond: 0.1, burst: Double(Self.refusedGuestLines)), addresses: limits.addresses)
        tenants = Allowances(Self.tenantRate, addresses: limits.addresses)
    }

    /// What the administrators of one tenant may call: each call is a line in the audit log, and no tenant may fill it.
    static let tenantRate = CallRate(perSecond: 5, burst: 3000)

    /// Refuses a call too many of a tenant's administrators.
    func admit(tenant: String) throws(BrokerError) {
        guard let wait = tenants.admit(tenant, now: seconds) else { return }
        throw BrokerError(
            .tooMany, check: "tenant-rate", "too many calls of this tenant's administrators; try again in \(wait) s",
            retryAfter: wait)
    }

    /// Refuses an `/auth` too many.
    func admitAuth(_ address: ClientAddress) throws(BrokerError) { try admit(address, auth) }

    /// Refuses an `/attest` too many.
    func admitAttest(_ address: ClientAddress) throws(BrokerError) { try admit(address, attest) }

    /// Whether one more refusal of a genuine guest at this address has a line of its own in the audit log.
    func mayHaveLine(_ address: ClientAddress) -> Bool { lines.admit(address, now: seconds) == nil }

    private func admit(_ address: ClientAddress, _ limits: AddressLimits) throws(BrokerError) {
        guard let wait = limits.admit(address, now: seconds) else { return }
        throw BrokerError(
            .tooMany, check: "rate-limit", "too many calls from this address; try again in \(wait) s", retryAfter: wait)
    }

    /// Seconds of a clock that nobody sets back.
    private var seconds: Double {
        let parts = (ContinuousClock.now - start).components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }
}

/// Buckets by the address of callers.
typealias AddressLimits = Allowances<ClientAddress>

/// Buckets by key, such as an address, in memory that is bounded whoever calls.
///
/// Two generations of at most half the capacity each: an address that calls moves into the younger one, and when that is
/// full the older one is forgotten. A forgotten address starts with a full bucket.
final class Allowances<Key: Hashable & Sendable>: Sendable {
    private struct Bucket {
        var level: Double
        var time: Double
    }

    private struct State {
        var young: [Key: Bucket] = [:]
        var old: [Key: Bucket] = [:]
    }

    private let rate: CallRate
    private let half: Int
    private let state = Mutex(State())

    init(_ rate: CallRate, addresses: Int) {
        self.rate = rate
        half = max(1, addresses / 2)
    }

    /// Takes one call out of the address's bucket.
    ///
    /// - Parameters:
    ///   - address: Who calls.
    ///   - now: Seconds, of a clock that is not set back.
    /// - Returns: Nil when the call may go on, else how many seconds the caller should wait.
    func admit(_ address: Key, now: Double) -> Int? {
        state.withLock { state in
            var bucket =
                state.young[address] ?? state.old.removeValue(forKey: address)
                ?? Bucket(level: rate.burst, time: now)
            bucket.level = min(rate.burst, bucket.level + max(0, now - bucket.time) * rate.perSecond)
            bucket.time = now
            let isAdmitted = bucket.level >= 1
            if isAdmitted { bucket.level -= 1 }
            if state.young.count >= half, state.young[address] == nil {
                swap(&state.young, &state.old)
                // The storage is kept: a flood of addresses must not turn into one of allocations.
                state.young.removeAll(keepingCapacity: true)
            }
            state.young[address] = bucket
            return isAdmitted ? nil : max(1, Int(((1 - bucket.level) / rate.perSecond).rounded(.up)))
        }
    }

    /// How many addresses are remembered.
    var count: Int { state.withLock { $0.young.count + $0.old.count } }
}
