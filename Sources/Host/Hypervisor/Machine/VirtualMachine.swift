import Evidence
import Glibc
import Synchronization

/// One QEMU process without a simulated security processor, and all that belongs to it.
///
/// Its process is killed by the kernel when the node dies, and its end is noticed through its pidfd at once.
public actor VirtualMachine: RunningMachine {
    private enum State {
        /// The process runs, the monitor does not answer yet.
        case starting
        /// The monitor answers.
        case running(QMPClient)
        /// The process is gone; nothing of the machine is left.
        case stopped(MachineExit)
    }

    /// Which security processor stands behind it.
    public nonisolated let technology: Technology
    /// What runs its instructions.
    public nonisolated let accelerator: Accelerator

    private let name: String
    private let process: SpawnedProcess
    private let agent: OwnedDescriptor
    private let errors: ErrorStream
    private let observed: ShutdownRecord
    private var state = State.starting

    /// The QEMU process.
    public nonisolated var processes: [pid_t] { [self.process.pid] }

    private init(
        plan: LaunchPlan, process: SpawnedProcess, agent: OwnedDescriptor, errors: ErrorStream,
        observed: ShutdownRecord
    ) {
        self.name = plan.name
        self.technology = plan.technology
        self.accelerator = plan.accelerator
        self.process = process
        self.agent = agent
        self.errors = errors
        self.observed = observed
    }

    /// Starts QEMU and waits for its monitor.
    ///
    /// - Parameters:
    ///   - plan: What to start.
    ///   - program: QEMU's path.
    ///   - timeout: How long the monitor may take to greet.
    static func start(
        _ plan: LaunchPlan, program: String = QEMUArguments.program, timeout: Duration = .seconds(20)
    ) async throws(MachineError) -> VirtualMachine {
        try plan.validate()
        let profile = TEEProfile(for: plan)
        guard !profile.hasReportPort else {
            throw MachineError(.invalidPlan, "\(plan.name): a \(profile.name) machine is started by testudo-softtee")
        }
        let firmware = try plan.firmware.open("firmware")
        let kernel = try plan.kernel.open("kernel")
        let initrd = try plan.initrd.open("initrd")
        var console: OwnedDescriptor?
        if let path = plan.consolePath { console = try openConsole(path) }
        let monitor = try SocketPair(for: "monitor")
        _ = QMPClient.opening.withUnsafeBytes { write(monitor.near.value ?? -1, $0.baseAddress, $0.count) }
        let agent = try SocketPair(for: "agent")
        let errors = try ErrorStream()
        let arguments = QEMUArguments(
            plan: plan, profile: profile, firmware: "/proc/self/fd/5", kernel: "/proc/self/fd/6",
            initrd: "/proc/self/fd/7",
            descriptors: .init(monitor: 3, agent: 4, console: console == nil ? nil : 8))
        let handed = [
            -1, -1, errors.writing.value ?? -1, monitor.far.value ?? -1, agent.far.value ?? -1, firmware.number,
            kernel.number, initrd.number,
        ]
        let process = try await Spawner.shared.spawn(
            SpawnRequest(
                program: program, arguments: arguments.arguments,
                descriptors: handed + (console?.value.map { [$0] } ?? []), account: plan.runAs))
        // The child has its own copies; ours must go, or its death would not show as an end of stream.
        for descriptor in [monitor.far, agent.far, errors.writing] { descriptor.close() }
        withExtendedLifetime((firmware.owner, kernel.owner, initrd.owner, console)) {}
        let observed = ShutdownRecord()
        let machine = VirtualMachine(
            plan: plan, process: process, agent: agent.near, errors: errors, observed: observed)
        try await machine.attach(monitor.near, timeout: timeout)
        return machine
    }

    private func attach(_ socket: OwnedDescriptor, timeout: Duration) async throws(MachineError) {
        let observed = self.observed
        do {
            let client = try await QMPClient.connect(descriptor: socket.take() ?? -1, timeout: timeout) { event in
                if let cause = event.shutdownCause { observed.note(cause) }
            }
            self.state = .running(client)
            _ = Task { await self.watch(client) }
        } catch {
            let status = await self.process.end(grace: .seconds(1))
            let said = self.errors.text()
            self.state = .stopped(MachineExit(cause: .died, code: status.code, signal: status.signal, detail: said))
            self.agent.close()
            throw MachineError(
                .launchFailed, "QEMU did not start \(self.name): \(said.isEmpty ? error.message : said)")
        }
    }

    /// Runs until the process is gone.
    private func watch(_ client: QMPClient) async {
        let status = await self.process.exit()
        await client.closed()
        let cause = self.observed.cause ?? .died
        self.agent.close()
        self.state = .stopped(
            MachineExit(cause: cause, code: status.code, signal: status.signal, detail: self.errors.text()))
        self.observed.end()
    }

    /// Hands over the connected stream to the agent's port, once.
    public nonisolated func takeAgentSocket() -> CInt? { self.agent.take() }

    /// Waits until QEMU is gone and tells how it ended.
    public func exit() async -> MachineExit {
        if case .stopped(let exit) = self.state { return exit }
        await self.observed.ended()
        if case .stopped(let exit) = self.state { return exit }
        return MachineExit(cause: .died, code: nil, signal: nil)
    }

    /// Ends QEMU: its monitor's quit with SIGTERM, then SIGKILL after `grace`.
    public func terminate(grace: Duration) async {
        if case .stopped = self.state { return }
        self.observed.note(.requested)
        if case .running(let client) = self.state { _ = Task { try? await client.quit() } }
        _ = await self.process.end(grace: grace)
        _ = await self.exit()
    }

    /// The machine's run state as its monitor tells, such as `running`.
    public func status() async throws(MachineError) -> String {
        switch self.state {
        case .running(let client): return try await client.status()
        case .starting: return "starting"
        case .stopped: return "stopped"
        }
    }

    /// Presses the power button; the guest may ignore it.
    public func powerDown() async throws(MachineError) {
        if case .running(let client) = self.state { try await client.powerDown() }
    }
}
