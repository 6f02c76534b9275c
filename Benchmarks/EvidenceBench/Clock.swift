#if canImport(Glibc)
    import Glibc
#endif

/// Times in nanoseconds.
enum Clock {
    /// What the process has used of the processor: others on the machine do not count.
    static var used: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
