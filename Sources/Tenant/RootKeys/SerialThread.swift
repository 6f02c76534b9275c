import NIOPosix
import Synchronization

/// One thread for calls that block, so that no call of a device holds a thread of the cooperative pool.
///
/// Calls run one after the other. A call that is late is given up: its caller gets an answer, and callers after it get
/// theirs, while the thread may still be inside the device. Calls that waited too long are not made at all.
final class SerialThread: Sendable {
    private let pool = NIOThreadPool(numberOfThreads: 1)

    init() { pool.start() }

    deinit { pool.shutdownGracefully { _ in } }

    /// Runs `body`, which is skipped when it could not begin before the limit.
    ///
    /// - Parameters:
    ///   - limit: How long the caller waits, for earlier calls and for this one.
    ///   - late: What the caller gets when it waited that long.
    func run<Result: Sendable>(
        within limit: Duration, late: RootKeyFailure,
        _ body: @escaping @Sendable () throws(RootKeyFailure) -> Result
    ) async throws(RootKeyFailure) -> Result {
        let outcome: Swift.Result<Result, RootKeyFailure> = await withCheckedContinuation { continuation in
            let answer = Answer(continuation)
            let alarm = Task {
                try await Task.sleep(for: limit)
                answer.give(.failure(late))
            }
            pool.submit { state in
                // A pool that ends runs nothing; there is no owner left who could ask.
                guard state == .active, answer.isAwaited else { return answer.give(.failure(late)) }
                do throws(RootKeyFailure) {
                    answer.give(.success(try body()))
                } catch {
                    answer.give(.failure(error))
                }
                alarm.cancel()
            }
        }
        return try outcome.get()
    }

    /// Resumes its caller with the first answer.
    private final class Answer<Result: Sendable>: Sendable {
        private let continuation: Mutex<CheckedContinuation<Swift.Result<Result, RootKeyFailure>, Never>?>

        init(_ continuation: CheckedContinuation<Swift.Result<Result, RootKeyFailure>, Never>) {
            self.continuation = Mutex(continuation)
        }

        var isAwaited: Bool { continuation.withLock { $0 != nil } }

        func give(_ result: Swift.Result<Result, RootKeyFailure>) {
            let waiting = continuation.withLock { held in
                defer { held = nil }
                return held
            }
            waiting?.resume(returning: result)
        }
    }
}
