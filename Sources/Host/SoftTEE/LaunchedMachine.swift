import CLinux
import Glibc
import Hypervisor

/// The QEMU that a simulated processor started, with the ends of its channels that stay here.
final class LaunchedMachine {
    /// QEMU's process.
    let pid: pid_t
    /// Becomes readable when QEMU ends.
    let watch: CInt
    /// Our end of the report device's port; only this guest has the other.
    let report: CInt
    /// Our end of the monitor; the node has none.
    let monitor: CInt

    /// Starts QEMU from sealed copies.
    ///
    /// - Parameters:
    ///   - request: What the node asked for.
    ///   - inputs: The sealed copies.
    ///   - agent: The agent's stream, handed through.
    ///   - console: The console file of a debug machine.
    init(
        _ request: SoftTEERequest, inputs: MeasuredInputs, agent: CInt, console: CInt?,
        program: String = QEMUArguments.program
    ) throws(SoftTEEError) {
        let report = try Self.pair("report")
        let monitor = try Self.pair("monitor")
        _ = QMPClient.opening.withUnsafeBytes { write(monitor.near, $0.baseAddress, $0.count) }
        let arguments = QEMUArguments(
            plan: request.plan(firmware: 6, kernel: 7, initrd: 8), profile: .softSNP,
            firmware: "/proc/self/fd/6", kernel: "/proc/self/fd/7", initrd: "/proc/self/fd/8",
            descriptors: .init(monitor: 3, agent: 4, report: 5, console: console == nil ? nil : 9))
        let descriptors = [
            -1, -1, STDERR_FILENO, monitor.far, agent, report.far, inputs.firmware.descriptor,
            inputs.kernel.descriptor, inputs.initrd.descriptor,
        ]
        let pid = Self.spawn(program, arguments.arguments, descriptors + (console.map { [$0] } ?? []))
        close(report.far)
        close(monitor.far)
        let watch = pid > 0 ? cl_pidfd_open(pid) : -1
        guard pid > 0, watch >= 0 else {
            close(report.near)
            close(monitor.near)
            if pid > 0 {
                _ = Glibc.kill(pid, SIGKILL)
                waitpid(pid, nil, 0)
            }
            throw SoftTEEError("cannot start \(program): \(String(cString: strerror(pid < 0 ? -pid : -watch)))")
        }
        (self.pid, self.watch, self.report, self.monitor) = (pid, watch, report.near, monitor.near)
    }

    deinit {
        for descriptor in [self.watch, self.report, self.monitor] { close(descriptor) }
    }

    /// Waits for QEMU's end and tells how it went.
    func reap() -> (code: CInt?, signal: CInt?) {
        var status: CInt = 0
        while waitpid(self.pid, &status, 0) < 0 {
            guard errno == EINTR else { return (nil, nil) }
        }
        let signal = status & 0x7f
        return signal == 0 ? ((status >> 8) & 0xff, nil) : (nil, signal)
    }

    /// Ends QEMU at once.
    func kill(_ signal: CInt = SIGKILL) { _ = Glibc.kill(self.pid, signal) }

    private static func pair(_ name: String) throws(SoftTEEError) -> (near: CInt, far: CInt) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw SoftTEEError("cannot make the \(name) socket: \(String(cString: strerror(errno)))")
        }
        // The guest decides when it reads; a write of ours must never wait for it.
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        return (ends[0], ends[1])
    }

    private static func spawn(_ program: String, _ arguments: [String], _ descriptors: [CInt]) -> pid_t {
        withCStrings([program] + arguments) { arguments in
            withCStrings(["PATH=/usr/bin:/bin", "LC_ALL=C"]) { environment in
                cl_spawn(
                    program, arguments, environment, descriptors, CInt(descriptors.count), CL_KEEP, CL_KEEP, SIGKILL,
                    "/")
            }
        }
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(&pointers)
    }
}
