/// How often and after which pauses an unanswered request is sent again.
public struct RetryPlan: Sendable {
    /// Attempts in all, at least one.
    public let attempts: Int
    private let firstPause: Duration
    private let longestPause: Duration

    /// Creates a plan whose pauses double from `firstPause` to `longestPause`.
    public init(attempts: Int = 5, firstPause: Duration = .milliseconds(200), longestPause: Duration = .seconds(3)) {
        self.attempts = max(1, attempts)
        self.firstPause = firstPause
        self.longestPause = longestPause
    }

    /// The pause after attempt number `attempt` (from 0): between half and all of the doubled one, so that guests that
    /// were started together do not come back together.
    func pause(after attempt: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let full = min(firstPause * (1 << min(attempt, 16)), longestPause)
        return full * Double.random(in: 0.5...1, using: &random)
    }

    /// Runs `work` until it succeeds, fails for good, or the attempts are used up.
    func run<Value: Sendable>(
        _ work: () async throws(BrokerFailure) -> Value
    ) async throws(BrokerFailure) -> Value {
        var random = SystemRandomNumberGenerator()
        var attempt = 0
        while true {
            do {
                return try await work()
            } catch {
                guard error.kind == .unreachable, attempt + 1 < attempts, !Task.isCancelled else { throw error }
                let pause = pause(after: attempt, using: &random)
                attempt += 1
                guard (try? await Task.sleep(for: pause)) != nil else { throw error }
            }
        }
    }
}
