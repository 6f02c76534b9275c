#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A thread with a large stack, for evaluations that nest deeper than the caller's stack may bear.
enum DeepStack {
    /// What the caller's stack is trusted with; threads of the concurrency pool may have little.
    static let callerBytes: UInt = 128 << 10
    /// What the thread has, of address space: only what is touched costs memory.
    static let bytes = 512 << 20

    /// Where the stack is now.
    @inline(__always)
    static func position() -> UInt {
        var marker: UInt8 = 0
        return withUnsafeMutablePointer(to: &marker) { UInt(bitPattern: $0) }
    }

    private final class Job {
        let work: () -> Void

        init(_ work: @escaping () -> Void) { self.work = work }
    }

    /// Runs `work` on such a thread and waits for it; false when there is none to be had.
    static func run(_ work: () -> Void) -> Bool {
        withoutActuallyEscaping(work) { work in
            var attributes = pthread_attr_t()
            guard pthread_attr_init(&attributes) == 0 else { return false }
            defer { pthread_attr_destroy(&attributes) }
            guard pthread_attr_setstacksize(&attributes, bytes) == 0 else { return false }
            let job = Unmanaged.passRetained(Job(work))
            #if canImport(Darwin)
                var thread: pthread_t?
            #else
                var thread = pthread_t()
            #endif
            let status = pthread_create(
                &thread, &attributes,
                { pointer in
                    #if canImport(Darwin)
                        Unmanaged<Job>.fromOpaque(pointer).takeUnretainedValue().work()
                    #else
                        if let pointer { Unmanaged<Job>.fromOpaque(pointer).takeUnretainedValue().work() }
                    #endif
                    return nil
                }, job.toOpaque())
            guard status == 0 else {
                job.release()
                return false
            }
            #if canImport(Darwin)
                if let thread { pthread_join(thread, nil) }
            #else
                pthread_join(thread, nil)
            #endif
            job.release()
            return true
        }
    }
}
