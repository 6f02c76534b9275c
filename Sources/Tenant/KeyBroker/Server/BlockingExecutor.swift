import Dispatch
import NIOCore
import NIOPosix
import Synchronization

/// Runs the broker's logic on threads that may block, since each decision waits for the disk.
///
/// Swift's own threads, of which there are as many as processors, stay free for all else. To wake a thread costs as much as a short
/// job, so one is woken at a time, and wakes the next one if it finds more than it can do. What one of these threads queues
/// itself, mostly the next step of its own task, waits for that thread, which looks again as soon as its present job ends.
final class BlockingExecutor: TaskExecutor {
    private struct State {
        var jobs = CircularBuffer<UnownedJob>()
        /// How many threads sleep and were not woken yet.
        var asleep = 0
        /// Whether one was woken that has not looked yet.
        var isWaking = false

        /// Whether a thread has to be woken; notes that it is.
        mutating func wakes() -> Bool {
            guard asleep > 0, !isWaking else { return false }
            asleep -= 1
            isWaking = true
            return true
        }
    }

    private let pool: NIOThreadPool
    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    /// What runs on the present thread, where that is one of these.
    private let own = ThreadSpecificVariable<BlockingExecutor>()

    /// Starts `threads` threads; they end with the process.
    init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
        for _ in 0..<threads { pool.submit { _ in self.work() } }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isOwn = own.currentValue != nil
        let wakes = state.withLock { state in
            state.jobs.append(job)
            return !isOwn && state.wakes()
        }
        if wakes { wake.signal() }
    }

    private func work() {
        own.currentValue = self
        let executor = asUnownedTaskExecutor()
        var wasWoken = false
        while true {
            let (job, wakes) = state.withLock { state -> (UnownedJob?, Bool) in
                if wasWoken { state.isWaking = false }
                guard let job = state.jobs.popFirst() else {
                    state.asleep += 1
                    return (nil, false)
                }
                return (job, !state.jobs.isEmpty && state.wakes())
            }
            if wakes { wake.signal() }
            if let job { job.runSynchronously(on: executor) } else { wake.wait() }
            wasWoken = job == nil
        }
    }
}
