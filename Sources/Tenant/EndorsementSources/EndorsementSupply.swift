import Synchronization
import Verifier
import WireFormat

/// Why endorsements that evidence needs are not there.
public struct EndorsementShortage: Error, Equatable, Sendable {
    /// What is missing and what each place said, for the owner of the service.
    public let reason: String
}

/// Supplies a service's verifiers with endorsements, within a bounded time.
///
/// Strangers send evidence to a service. So that they cannot make it ask vendors at will, who limit how often they are
/// asked, evidence that can be verified without is verified first, and evidence whose key's certificate is missing must
/// state the demanded bindings; what is fetched for it is rationed (``FetchRation``). Where services are asked and something could
/// not be had, evidence is refused: nobody would know what the vendor revoked. Offline, what is missing is the policy's to judge.
public final class EndorsementSupply: Sendable {
    private let kept: EndorsementFetcher
    private let services: EndorsementFetcher?
    private let checker: EndorsementChecker
    private let limit: Duration
    private let ration: Mutex<FetchRation>
    private let clock: @Sendable () -> Int64

    /// Creates a supply.
    ///
    /// - Parameters:
    ///   - places: Where endorsements are taken from.
    ///   - mode: Whether services are asked.
    ///   - limit: How long one piece of evidence may wait; asking goes on after that, for whoever comes next.
    ///   - clock: The present, in seconds since 1970.
    /// - Throws: ``WireError`` naming an address that is none.
    public init(
        _ places: EndorsementPlaces, _ mode: EndorsementFetcher.Mode, limit: Duration = .seconds(10),
        ration: FetchRation = FetchRation(), clock: @escaping @Sendable () -> Int64
    ) throws(WireError) {
        var policy = RetryPolicy.standard
        (policy.attempts, policy.longestAsked, policy.totalLimit) = (2, .seconds(5), limit)
        policy.attemptLimit = min(policy.attemptLimit, max(limit, .seconds(1)))
        kept = try places.fetcher(.offline, policy: policy)
        services = mode == .online ? try places.fetcher(.online, policy: policy) : nil
        checker = try EndorsementChecker()
        self.limit = limit
        self.ration = Mutex(ration)
        self.clock = clock
    }

    /// Verifies evidence with what is at hand and what it needs beside that.
    ///
    /// - Parameters:
    ///   - evidence: What vendors publish something about; nil needs nothing.
    ///   - isBound: Whether evidence that cannot be verified yet states what is demanded of it.
    ///   - files: What is at hand.
    ///   - verify: Verifies with these endorsements.
    /// - Throws: What `verify` throws, or ``EndorsementShortage``.
    public func verifying<Verified>(
        _ evidence: EndorsedEvidence?, isBound: Bool, with files: EndorsementFiles,
        _ verify: (EndorsementFiles) async throws -> Verified
    ) async throws -> Verified {
        guard let evidence = services == nil ? evidence : evidence?.withoutLists else { return try await verify(files) }
        let needs = evidence.missing(in: files)
        guard !needs.isEmpty else { return try await verify(files) }
        let isVerifiable = !needs.contains(where: \.isEssential)
        // Forged evidence ends here.
        if isVerifiable { _ = try await verify(files) } else if !isBound { return try await verify(files) }
        guard let services else { return try await verify(await stocked(files, for: evidence).files) }
        var isKept = true
        if !isVerifiable {
            let stocked = await stocked(files, for: evidence)
            isKept = !stocked.missing.contains(where: \.need.isEssential)
            // So does forged evidence of a machine whose certificate is kept.
            if isKept { _ = try await verify(stocked.files) }
        }
        guard ration.withLock({ $0.begin(isRationed: !isKept, now: .now) }) else {
            throw EndorsementShortage(reason: "vendors are asked too often: \(Self.text(needs))")
        }
        guard let gathered = await gather(files, evidence, from: services) else {
            throw EndorsementShortage(reason: "no answer within \(limit): \(Self.text(needs))")
        }
        guard gathered.missing.isEmpty else {
            throw EndorsementShortage(
                reason: gathered.missing.map { $0.need.obstacle ?? $0.reason }.joined(separator: "; "))
        }
        return try await verify(gathered.files)
    }

    /// What is at hand with what the cache and folders have.
    private func stocked(
        _ files: EndorsementFiles, for evidence: EndorsedEvidence
    ) async -> EndorsementGathering.Gathered {
        await EndorsementGathering(from: kept, checker: checker, now: clock()).complete(files, for: evidence)
    }

    private static func text(_ needs: [EndorsementNeed]) -> String {
        needs.map { $0.obstacle ?? $0.candidates.map(\.title).joined(separator: " or ") }.joined(separator: "; ")
    }

    /// What could be gathered; nil when it took too long. Gathering then goes on and fills the cache.
    private func gather(
        _ files: EndorsementFiles, _ evidence: EndorsedEvidence, from services: EndorsementFetcher
    ) async -> EndorsementGathering.Gathered? {
        let gathering = EndorsementGathering(from: services, checker: checker, now: clock())
        let (results, continuation) = AsyncStream.makeStream(
            of: EndorsementGathering.Gathered?.self, bufferingPolicy: .bufferingOldest(1))
        Task { [self] in
            let gathered = await gathering.complete(files, for: evidence)
            ration.withLock { $0.end() }
            continuation.yield(gathered)
            continuation.finish()
        }
        let timer = Task { [limit] in
            try? await Task.sleep(for: limit)
            continuation.yield(nil)
            continuation.finish()
        }
        defer { timer.cancel() }
        for await result in results { return result }
        return nil
    }
}

extension EndorsedEvidence {
    /// The same without a list of revoked certificates that came along: the host chose it, and an older one may lack the
    /// machine. The verifier looks into that one too.
    fileprivate var withoutLists: EndorsedEvidence {
        guard case .report(var evidence) = self else { return self }
        evidence.certificates[.crl] = nil
        return .report(evidence)
    }
}

/// How much is fetched for evidence that nobody can verify before it is.
public struct FetchRation: Sendable {
    /// How many fetches may be under way at once.
    public var concurrency: Int
    /// How many certificates of keys may be fetched in a row.
    public var burst: Int
    /// After how long there may be one more.
    public var refill: Duration

    private var running = 0
    private var left: Int
    private var refilled: ContinuousClock.Instant?

    /// Creates a full ration.
    public init(concurrency: Int = 32, burst: Int = 30, refill: Duration = .seconds(4)) {
        self.concurrency = concurrency
        self.burst = burst
        self.refill = refill
        left = burst
    }

    /// Whether a fetch may begin now; counts it when it may.
    mutating func begin(isRationed: Bool, now: ContinuousClock.Instant) -> Bool {
        guard running < concurrency else { return false }
        if isRationed {
            var since = refilled ?? now
            while left < burst, now - since >= refill {
                left += 1
                since += refill
            }
            refilled = left < burst ? since : now
            guard left > 0 else { return false }
            left -= 1
        }
        running += 1
        return true
    }

    /// A fetch ended.
    mutating func end() { running -= 1 }
}
