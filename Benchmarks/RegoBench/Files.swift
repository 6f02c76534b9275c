#if canImport(Glibc)
    import Glibc
#endif

/// Times in nanoseconds.
enum Clock {
    /// A clock that only goes forward.
    static var now: Int64 { read(CLOCK_MONOTONIC) }
    /// What the process has used of the processor: others on the machine do not count.
    static var used: Int64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Files as a whole.
enum Files {
    static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw Failure("cannot read \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// One line each.
    static func write(_ lines: [[UInt8]], to path: String) throws {
        guard let file = fopen(path, "w") else { throw Failure("cannot write \(path)") }
        defer { fclose(file) }
        for line in lines {
            let line = line + [UInt8(ascii: "\n")]
            guard fwrite(line, 1, line.count, file) == line.count else { throw Failure("cannot write \(path)") }
        }
    }
}
