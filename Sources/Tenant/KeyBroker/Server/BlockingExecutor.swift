import NIOPosix

/// Runs the broker's logic on threads that may block, since each decision waits for the disk.
///
/// Swift's own threads, of which there are as many as processors, stay free for the network.
final class BlockingExecutor: TaskExecutor {
    private let pool: NIOThreadPool

    /// Starts `threads` threads; they end with the process.
    init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        pool.submit { _ in job.runSynchronously(on: executor) }
    }
}
