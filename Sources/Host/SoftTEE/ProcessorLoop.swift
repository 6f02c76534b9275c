import CLinux
import Evidence
import Glibc
import Hypervisor
import WireFormat

/// The life of one simulated security processor: one thread, one machine, one poll.
///
/// It ends when QEMU ends, or ends QEMU when the node closes the control socket. Reports go out on the port whose
/// other end this QEMU inherited and nowhere else; the node's socket knows no request but the launch.
public struct ProcessorLoop {
    private let control: ControlSocket
    private let signer: SoftReportSigner

    /// Creates the processor.
    ///
    /// - Parameters:
    ///   - control: The inherited socket to the node.
    ///   - signer: Holds the generated chip key.
    public init(control: CInt, signer: SoftReportSigner) {
        self.control = ControlSocket(descriptor: control)
        self.signer = signer
    }

    /// Serves one machine.
    ///
    /// - Returns: The exit code for the process: QEMU's, or 128 and its signal.
    public func run() -> CInt {
        let machine: LaunchedMachine
        let measurement: LaunchMeasurement
        var port: ReportPort
        do throws(SoftTEEError) {
            (machine, measurement, port) = try self.launch()
        } catch {
            self.control.tell(.failed(reason: error.description))
            return 1
        }
        var monitor = MonitorReader(descriptor: machine.monitor)
        var output: [UInt8] = []
        var reportIsOpen = true
        var hasStarted = false
        while true {
            var polls = [
                pollfd(fd: machine.watch, events: Int16(POLLIN), revents: 0),
                pollfd(fd: self.control.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: monitor.isOpen ? machine.monitor : -1, events: Int16(POLLIN), revents: 0),
                // A guest that does not read its answers gets no further ones: no queue grows here.
                pollfd(
                    fd: reportIsOpen ? machine.report : -1, events: Int16(output.isEmpty ? POLLIN : POLLOUT),
                    revents: 0),
            ]
            if poll(&polls, nfds_t(polls.count), -1) < 0 { continue }
            if polls[2].revents != 0 { monitor.read() }
            let hasEnded = polls[0].revents != 0
            if hasEnded { monitor.drain() }
            if monitor.isReady, !hasStarted {
                hasStarted = true
                self.control.tell(.started(qemu: machine.pid, measurement: measurement.hex))
            }
            if hasEnded {
                if !hasStarted { self.control.tell(.failed(reason: "QEMU ended before its machine was complete")) }
                return self.ended(machine, cause: monitor.cause ?? .died)
            }
            if polls[1].revents != 0, self.nodeIsGone() {
                machine.kill()
                return self.ended(machine, cause: .requested)
            }
            if polls[3].revents != 0 { reportIsOpen = Self.serve(machine.report, &port, &output) }
        }
    }

    private func launch() throws(SoftTEEError) -> (LaunchedMachine, LaunchMeasurement, ReportPort) {
        let (request, descriptors) = try self.control.request()
        defer { for descriptor in descriptors { close(descriptor) } }
        let inputs = try MeasuredInputs(
            request, firmware: descriptors[1], kernel: descriptors[2], initrd: descriptors[3])
        let machine = try LaunchedMachine(
            request, inputs: inputs, agent: descriptors[0], console: request.hasConsole ? descriptors[4] : nil)
        let (signer, measurement, hostData) = (self.signer, inputs.measurement, request.hostData)
        return (
            machine, measurement,
            ReportPort { data throws(SoftTEEError) in
                try signer.report(data: data, measurement: measurement, hostData: hostData)
            }
        )
    }

    private func ended(_ machine: LaunchedMachine, cause: MachineExit.Cause) -> CInt {
        let (code, signal) = machine.reap()
        self.control.tell(.ended(MachineExit(cause: cause, code: code, signal: signal)))
        return code ?? (128 + (signal ?? 0))
    }

    /// The node never has anything more to say: whatever comes is ignored, only the end counts.
    private func nodeIsGone() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = recv(self.control.descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
        return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)
    }

    /// Moves bytes of the report device.
    ///
    /// - Returns: False when QEMU closed its end.
    private static func serve(_ descriptor: CInt, _ port: inout ReportPort, _ output: inout [UInt8]) -> Bool {
        if output.isEmpty {
            var buffer = [UInt8](repeating: 0, count: 1024)
            let count = recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
            guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
            output = port.receive(buffer.prefix(count))
        }
        guard !output.isEmpty else { return true }
        let count = output.withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
        }
        guard count > 0 else { return errno == EAGAIN || errno == EINTR }
        output.removeFirst(count)
        return true
    }
}
