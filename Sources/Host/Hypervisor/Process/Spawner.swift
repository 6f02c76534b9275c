import CLinux
import Glibc
import Synchronization

/// What to start as a child process.
public struct SpawnRequest: Sendable {
    /// The program's absolute path.
    public var program: String
    /// Its arguments, without the program's name.
    public var arguments: [String]
    /// Its whole environment; nothing is inherited.
    public var environment: [String]
    /// Descriptor `i` of the child is `descriptors[i]` of ours; -1 is /dev/null. All others are closed.
    public var descriptors: [CInt]
    /// The account to run as; nil keeps ours.
    public var account: Account?

    /// Describes a child.
    public init(
        program: String, arguments: [String], environment: [String] = ["PATH=/usr/bin:/bin", "LC_ALL=C"],
        descriptors: [CInt], account: Account? = nil
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.descriptors = descriptors
        self.account = account
    }
}

/// Starts children from one thread that never ends, and notices their ends on the same thread.
///
/// The thread matters: the kernel's parent-death signal follows the *thread* that forked, so a child started from a
/// pool's thread would be killed when the pool shrinks. Here children die exactly when this process does.
public final class Spawner: Sendable {
    private struct Job: Sendable {
        let request: SpawnRequest
        let done: @Sendable (Result<SpawnedProcess, MachineError>) -> Void
    }

    private struct Watch {
        let process: SpawnedProcess
        let handle: CInt
    }

    private enum Work: Sendable {
        case spawn(Job)
        case watch(SpawnedProcess, handle: CInt)
    }

    /// The spawner of this process.
    public static let shared = Spawner()

    private let work = Mutex<[Work]>([])
    private let bell: CInt
    private let bellEnd: CInt

    private init() {
        var ends: [CInt] = [-1, -1]
        // Without a pipe the process has no descriptors left; every spawn then fails with that reason.
        if pipe(&ends) == 0 {
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        }
        (self.bellEnd, self.bell) = (ends[0], ends[1])
        let context = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Spawner>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
    }

    /// Starts a child that is killed when this process ends.
    ///
    /// - Parameter request: What to start.
    /// - Returns: The process.
    /// - Throws: ``MachineError`` when the program could not be executed.
    public func spawn(_ request: SpawnRequest) async throws(MachineError) -> SpawnedProcess {
        let result: Result<SpawnedProcess, MachineError> = await withCheckedContinuation { continuation in
            self.enqueue(.spawn(Job(request: request) { continuation.resume(returning: $0) }))
        }
        return try result.get()
    }

    /// Watches a process that is not our child, such as the QEMU of a simulated security processor.
    ///
    /// - Parameter pid: Its id, fresh from whoever started it.
    /// - Returns: The process; its status is unknown when it ends.
    public func watch(_ pid: pid_t) -> SpawnedProcess {
        let process = SpawnedProcess(pid: pid)
        let handle = cl_pidfd_open(pid)
        if handle < 0 {
            process.finish { .unknown }
        } else {
            self.enqueue(.watch(process, handle: handle))
        }
        return process
    }

    private func enqueue(_ item: Work) {
        self.work.withLock { $0.append(item) }
        var byte: UInt8 = 1
        _ = Glibc.write(self.bell, &byte, 1)
    }

    private func run() {
        var watches: [Watch] = []
        while true {
            var polls = [pollfd(fd: self.bellEnd, events: Int16(POLLIN), revents: 0)]
            polls += watches.map { pollfd(fd: $0.handle, events: Int16(POLLIN), revents: 0) }
            _ = poll(&polls, nfds_t(polls.count), -1)
            var kept: [Watch] = []
            for (watch, poll) in zip(watches, polls.dropFirst()) {
                if poll.revents == 0 { kept.append(watch) } else { Self.reap(watch) }
            }
            watches = kept
            if polls[0].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 64)
                _ = Glibc.read(self.bellEnd, &bytes, bytes.count)
            }
            let work = self.work.withLock { queue in
                defer { queue = [] }
                return queue
            }
            for item in work {
                switch item {
                case .watch(let process, let handle):
                    watches.append(Watch(process: process, handle: handle))
                case .spawn(let job):
                    let result = Self.start(job.request)
                    if case .success(let watch) = result { watches.append(watch) }
                    job.done(result.map(\.process))
                }
            }
        }
    }

    private static func reap(_ watch: Watch) {
        watch.process.finish {
            // A watched process may have become our child by now, when its parent died and we are the subreaper.
            var (code, signal): (CInt, CInt) = (0, 0)
            guard cl_waitid_status(watch.handle, 0, &code, &signal) >= 0 else { return .unknown }
            return signal != 0 ? ProcessStatus(code: nil, signal: signal) : ProcessStatus(code: code, signal: nil)
        }
        close(watch.handle)
    }

    private static func start(_ request: SpawnRequest) -> Result<Watch, MachineError> {
        let pid = withStrings([request.program] + request.arguments) { arguments in
            withStrings(request.environment) { environment in
                request.descriptors.withUnsafeBufferPointer { descriptors in
                    cl_spawn(
                        request.program, arguments, environment, descriptors.baseAddress, CInt(descriptors.count),
                        request.account?.user ?? CL_KEEP, request.account?.group ?? CL_KEEP, SIGKILL, "/")
                }
            }
        }
        guard pid > 0 else {
            let reason = String(cString: strerror(-pid))
            return .failure(MachineError(.launchFailed, "cannot start \(request.program): \(reason)"))
        }
        let handle = cl_pidfd_open(pid)
        guard handle >= 0 else {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
            return .failure(MachineError(.launchFailed, "cannot watch \(request.program): no pidfd"))
        }
        return .success(Watch(process: SpawnedProcess(pid: pid), handle: handle))
    }
}

/// Lends a zero-terminated vector of C strings.
func withStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return body(&pointers)
}
