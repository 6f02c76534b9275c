import CGuest
import CLinux
import Glibc
import NIOPosix

/// How a container ended.
struct ExitStatus: Equatable, Sendable, CustomStringConvertible {
    /// The code, or 128 plus the signal, as shells count.
    let code: Int32

    var description: String { code > 128 ? "ended by signal \(code - 128)" : "exit code \(code)" }
}

/// The OCI runtime at work on one container: it stays in the foreground and ends with the container.
final class ContainerProcess: Sendable {
    /// The container's standard output and error, to be read until their end.
    let output: OpenFile
    let errors: OpenFile
    private let runtime: String
    private let identifier: String
    private let root: String
    private let process: OpenFile
    private let threads = NIOThreadPool(numberOfThreads: 2)

    /// The runtime program to use on this machine.
    static func findRuntime(_ candidates: [String]) -> String? { candidates.first { access($0, X_OK) == 0 } }

    /// Starts the container of a prepared bundle.
    init(runtime: String, root: String, bundle: String, identifier: String) throws(SystemFailure) {
        self.runtime = runtime
        self.identifier = identifier
        self.root = root
        let (readOutput, writeOutput) = try Self.pipe()
        let (readErrors, writeErrors) = try Self.pipe()
        let arguments = [runtime, "--root", root, "run", "--bundle", bundle, identifier]
        let pid = try Self.spawn(arguments, [-1, writeOutput.number, writeErrors.number])
        process = OpenFile(owning: try SystemFailure.check(cl_pidfd_open(pid), "watch the runtime"))
        output = readOutput
        errors = readErrors
        threads.start()
    }

    /// Waits for the container's end.
    func wait() async throws -> ExitStatus {
        let process = process
        let code = try await threads.runIfActive {
            var poll = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
            while Glibc.poll(&poll, 1, -1) < 0 && errno == EINTR {}
            return cl_waitid_pidfd(process.number, 0)
        }
        return ExitStatus(code: try SystemFailure.check(code, "learn how the container ended"))
    }

    /// Sends a signal to the container's first process (`all`: to every process in it).
    func signal(_ signal: Int32, all: Bool) async {
        let arguments = [runtime, "--root", root, "kill"] + (all ? ["--all"] : []) + [identifier, String(signal)]
        _ = try? await threads.runIfActive {
            let pid = try Self.spawn(arguments, [-1, -1, -1])
            let killer = OpenFile(owning: try SystemFailure.check(cl_pidfd_open(pid), "watch the runtime"))
            var poll = pollfd(fd: killer.number, events: Int16(POLLIN), revents: 0)
            while Glibc.poll(&poll, 1, 5000) < 0 && errno == EINTR {}
            _ = cl_waitid_pidfd(killer.number, 0)
        }
    }

    private static func pipe() throws(SystemFailure) -> (OpenFile, OpenFile) {
        var pair: [Int32] = [-1, -1]
        try SystemFailure.check(cg_pipe(&pair), "make a pipe")
        return (OpenFile(owning: pair[0]), OpenFile(owning: pair[1]))
    }

    private static func spawn(_ arguments: [String], _ files: [Int32]) throws(SystemFailure) -> Int32 {
        let pid = CStringArray.with(arguments) { argv in
            CStringArray.with(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR=/run"]) { environment in
                cl_spawn(arguments[0], argv, environment, files, Int32(files.count), UInt32.max, UInt32.max, 0, "/")
            }
        }
        return try SystemFailure.check(pid, "start \(arguments[0])")
    }
}
