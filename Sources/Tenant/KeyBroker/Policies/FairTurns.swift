import Synchronization

/// Bounds how many pieces of work that take long run at once, for all and for each owner, and gives owners their turn one after
/// another, so that one owner's slow work does not hold up another's.
///
/// Who waits holds no thread.
final class FairTurns: Sendable {
    /// How many may be where.
    struct Limits: Sendable {
        /// Run at once.
        var atOnce: Int
        /// Run at once for one owner.
        var perOwner: Int
        /// Run or wait for one caller.
        var perCaller: Int
        /// Wait for one owner.
        var waiting: Int
    }

    private struct Caller: Hashable {
        let owner: String
        let name: String
    }

    private struct Owner {
        var running = 0
        var waiting: [CheckedContinuation<Bool, Never>] = []
    }

    private struct State {
        var running = 0
        var owners: [String: Owner] = [:]
        var callers: [Caller: Int] = [:]
        /// The owners for whom somebody waits, the one whose turn is next first.
        var order: [String] = []
    }

    private let limits: Limits
    private let state = Mutex(State())

    init(_ limits: Limits) { self.limits = limits }

    /// The threads of all such work in this process, as many as run at once below: none that decides has to wait for it.
    private static let threads = BlockingExecutor(threads: 8)

    /// Evaluations of policies: half of all for one owner.
    static var evaluations: FairTurns {
        FairTurns(Limits(atOnce: 4, perOwner: 2, perCaller: 32, waiting: 1024))
    }

    /// What administrators have made that takes the processor for long: keys, policies that are compiled.
    static var makings: FairTurns { FairTurns(Limits(atOnce: 2, perOwner: 1, perCaller: 64, waiting: 128)) }

    /// Searches of the audit log.
    static var searches: FairTurns { FairTurns(Limits(atOnce: 2, perOwner: 1, perCaller: 8, waiting: 8)) }

    /// Runs `body` when it is its owner's turn.
    ///
    /// - Parameters:
    ///   - owner: Whose work it is: a tenant's name, or nothing for the broker's own.
    ///   - caller: Who asked for it.
    /// - Throws: ``BrokerError`` when too many wait already.
    func run<R>(owner: String, caller: String, _ body: () throws(BrokerError) -> R) async throws(BrokerError) -> R {
        let caller = Caller(owner: owner, name: caller)
        let isAdmitted = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            let answer: Bool? = state.withLock { state in
                let known = state.owners[owner] ?? Owner()
                guard state.callers[caller, default: 0] < limits.perCaller, known.waiting.count < limits.waiting else {
                    return false
                }
                state.callers[caller, default: 0] += 1
                if known.waiting.isEmpty, known.running < limits.perOwner, state.running < limits.atOnce {
                    state.running += 1
                    state.owners[owner, default: Owner()].running += 1
                    return true
                }
                if known.waiting.isEmpty { state.order.append(owner) }
                state.owners[owner, default: Owner()].waiting.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
        guard isAdmitted else {
            throw BrokerError(
                .tooMany, check: "turns", "too many calls wait for a decision; try again in 1 s", retryAfter: 1)
        }
        defer { leave(caller) }
        return try await withTaskExecutorPreference(Self.threads) { () throws(BrokerError) in try body() }
    }

    /// How many wait.
    var waiting: Int { state.withLock { $0.owners.values.reduce(0) { $0 + $1.waiting.count } } }

    private func leave(_ caller: Caller) {
        let next = state.withLock { state in
            state.running -= 1
            state.owners[caller.owner]?.running -= 1
            if let count = state.callers[caller] { state.callers[caller] = count > 1 ? count - 1 : nil }
            var next: [CheckedContinuation<Bool, Never>] = []
            while state.running < limits.atOnce,
                let place = state.order.firstIndex(where: { state.owners[$0]?.running ?? 0 < limits.perOwner })
            {
                let owner = state.order.remove(at: place)
                guard var known = state.owners[owner], !known.waiting.isEmpty else { continue }
                next.append(known.waiting.removeFirst())
                known.running += 1
                state.running += 1
                state.owners[owner] = known
                // Its next one comes after everybody else's.
                if !known.waiting.isEmpty { state.order.append(owner) }
            }
            if let known = state.owners[caller.owner], known.running == 0, known.waiting.isEmpty {
                state.owners[caller.owner] = nil
            }
            return next
        }
        for continuation in next { continuation.resume(returning: true) }
    }

    /// How many wait for an owner.
    func waiting(_ owner: String) -> Int { state.withLock { $0.owners[owner]?.waiting.count ?? 0 } }
}
