import CLinux
import Envelope
import Glibc

/// Runs a program to its end or to a deadline; secrets go in and out through nameless sockets.
struct Program {
    /// How a run ended.
    enum Ending {
        /// The program ended with this status.
        case ended(Outcome)
        /// The deadline passed; the program and what it started were killed.
        case late
        /// It wrote more than any answer has, and was killed.
        case talkative
        /// It could not be started: a value of `errno`.
        case notStarted(Int32)
    }

    struct Outcome {
        let status: Int32
        let output: SecretBytes
        let complaint: String
    }

    static let outputLimit = 4096
    private static let stream = Int32(SOCK_STREAM.rawValue)

    let path: String
    let arguments: [String]
    let environment: [String]
    /// Descriptors that the program has as 3, 4, …
    let files: [Int32]
    let input: SecretBytes?

    /// Blocks until the program ended or the deadline passed.
    func run(until deadline: ContinuousClock.Instant) -> Ending {
        // Sockets and not pipes, since writing to a pipe whose reader ended would raise SIGPIPE in the whole process.
        var inputs: [Int32] = [-1, -1]
        var outputs: [Int32] = [-1, -1]
        var errors: [Int32] = [-1, -1]
        defer { for descriptor in inputs + outputs + errors where descriptor >= 0 { close(descriptor) } }
        for result in [
            cl_socketpair(Self.stream, &inputs), cl_socketpair(Self.stream, &outputs),
            cl_socketpair(Self.stream, &errors),
        ] where result < 0 { return .notStarted(-result) }
        let child = spawn([inputs[1], outputs[1], errors[1]] + files)
        guard child > 0 else { return .notStarted(-child) }
        for index in [inputs[1], outputs[1], errors[1]] { close(index) }
        (inputs[1], outputs[1], errors[1]) = (-1, -1, -1)
        let handle = cl_pidfd_open(child)
        defer { if handle >= 0 { close(handle) } }
        for descriptor in [inputs[0], outputs[0], errors[0]] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }

        let output = PipeEnd(limit: Self.outputLimit)
        let complaint = PipeEnd(limit: 8192)
        var sent = 0
        let size = input?.count ?? 0
        if size == 0 { shutdown(inputs[0], Int32(SHUT_WR)) }
        while handle >= 0 {
            if output.isOpen || complaint.isOpen || sent < size {
                var waits = [
                    pollfd(fd: output.isOpen ? outputs[0] : -1, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: complaint.isOpen ? errors[0] : -1, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: sent < size ? inputs[0] : -1, events: Int16(POLLOUT), revents: 0),
                ]
                guard Self.wait(&waits, until: deadline) else { break }
                if waits[0].revents != 0 { output.drain(outputs[0]) }
                if waits[1].revents != 0 { complaint.drain(errors[0]) }
                if waits[2].revents != 0, let input {
                    let flags = Int32(MSG_NOSIGNAL)
                    let count = input.withBytes {
                        Glibc.send(inputs[0], $0.baseAddress?.advanced(by: sent), size - sent, flags)
                    }
                    // A program that ends before it read everything has its reason in its status.
                    sent = count < 0 && errno != EAGAIN && errno != EINTR ? size : sent + max(0, count)
                    if sent == size { shutdown(inputs[0], Int32(SHUT_WR)) }
                }
                guard !output.isOverfull, !complaint.isOverfull else { break }
            } else {
                var waits = [pollfd(fd: handle, events: Int16(POLLIN), revents: 0)]
                guard Self.wait(&waits, until: deadline) else { break }
                var (code, signal): (Int32, Int32) = (0, 0)
                guard cl_waitid_status(handle, 1, &code, &signal) >= 0 else { break }
                return .ended(
                    Outcome(status: signal == 0 ? code : 128 + signal, output: output.secret, complaint: complaint.text)
                )
            }
        }
        // The program leads a session and a process group of its own.
        kill(-child, SIGKILL)
        kill(child, SIGKILL)
        if handle >= 0 {
            // A program that hangs inside a driver cannot be waited for; it stays a zombie until the broker ends.
            var waits = [pollfd(fd: handle, events: Int16(POLLIN), revents: 0)]
            if Self.wait(&waits, until: .now + .seconds(1)) {
                var (code, signal): (Int32, Int32) = (0, 0)
                _ = cl_waitid_status(handle, 1, &code, &signal)
            }
        }
        return output.isOverfull || complaint.isOverfull ? .talkative : .late
    }

    /// The program ends with the thread that waits for it, and so with the broker.
    private func spawn(_ descriptors: [Int32]) -> Int32 {
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        return cl_spawn(
            path, &argv, &envp, descriptors, Int32(descriptors.count), UInt32.max, UInt32.max, SIGKILL, "/")
    }

    /// Whether a descriptor became ready before the deadline.
    private static func wait(_ waits: inout [pollfd], until deadline: ContinuousClock.Instant) -> Bool {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return false }
            let (seconds, fraction) = left.components
            let milliseconds = min(60_000, seconds * 1000 + fraction / 1_000_000_000_000_000 + 1)
            let ready = poll(&waits, nfds_t(waits.count), Int32(milliseconds))
            if ready > 0 { return true }
            if ready < 0, errno != EINTR { return false }
        }
    }
}

/// Collects what a program writes, in memory that is wiped.
private final class PipeEnd {
    private let buffer: UnsafeMutableRawBufferPointer
    private var count = 0
    private(set) var isOpen = true

    /// More came than is wanted.
    var isOverfull: Bool { count == buffer.count }

    init(limit: Int) { buffer = .allocate(byteCount: limit + 1, alignment: 16) }

    deinit {
        cl_wipe(buffer.baseAddress, buffer.count)
        buffer.deallocate()
    }

    func drain(_ descriptor: Int32) {
        let got = Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
        if got > 0 { count += got }
        if got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) { isOpen = false }
    }

    var secret: SecretBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
    var text: String { String(decoding: buffer[..<count], as: UTF8.self) }
}
