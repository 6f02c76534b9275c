import Glibc

/// A thread for one piece of work that blocks, gone when the work ends.
///
/// Used where the machine starts: a pool's first use costs an emulated guest ten milliseconds that it has not got yet.
enum WorkThread {
    private final class Work: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts `run` on a thread of its own.
    static func start(_ run: @escaping @Sendable () -> Void) throws(SystemFailure) {
        let work = Unmanaged.passRetained(Work(run))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { opaque in
                if let opaque { Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue().run() }
                return nil
            }, work.toOpaque())
        guard code == 0 else {
            work.release()
            throw SystemFailure("start a thread", code: code)
        }
        pthread_detach(thread)
    }
}
