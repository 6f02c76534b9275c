import WireFormat

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
    private let auth: Allowances<ClientAddress>
    private let attest: Allowances<ClientAddress>
    private let lines: Allowances<ClientAddress>
    private let tenants: Allowances<String>
    private let start = ContinuousClock.now

    /// How many refusals of genuine guests at one address have a line of their own in the audit log at once.
    static let refusedGuestLines = 60

    init(_ limits: CallLimits) {
        auth = Allowances(limits.auth, remembered: limits.addresses)
        attest = Allowances(limits.attest, remembered: limits.addresses)
        lines = Allowances(
            CallRate(perSecond: 0.1, burst: Double(Self.refusedGuestLines)), remembered: limits.addresses)
        tenants = Allowances(Self.tenantRate, remembered: limits.addresses)
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

    private func admit(_ address: ClientAddress, _ limits: Allowances<ClientAddress>) throws(BrokerError) {
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
