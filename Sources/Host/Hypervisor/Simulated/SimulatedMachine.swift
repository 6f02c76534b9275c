import Evidence
import Glibc
import Synchronization

/// A machine behind a simulated security processor: two processes, `testudo-softtee` and the QEMU it started.
///
/// The node holds no monitor of this QEMU: through a monitor one can read guest memory, which real hardware would
/// keep from the host.
public actor SimulatedMachine: RunningMachine {
    /// Always `soft-snp`.
    public nonisolated let technology = Technology.softSNP
    /// What runs its instructions.
    public nonisolated let accelerator: Accelerator
    /// The launch measurement that the simulated processor computed, in hex; the node believes it for display only.
    public nonisolated let measurement: String

    private let processor: SpawnedProcess
    private let qemu: SpawnedProcess
    private let agent: OwnedDescriptor
    private let channel: SoftTEEChannel
    private let errors: ErrorStream
    private let record: SimulatedRecord
    private var wasAsked = false
    private var outcome: MachineExit?

    /// The simulated processor and its QEMU.
    public nonisolated var processes: [pid_t] { [self.processor.pid, self.qemu.pid] }

    private init(
        plan: LaunchPlan, measurement: String, processor: SpawnedProcess, qemu: SpawnedProcess,
        agent: OwnedDescriptor, channel: SoftTEEChannel, errors: ErrorStream, record: SimulatedRecord
    ) {
        self.accelerator = plan.accelerator
        self.measurement = measurement
        self.processor = processor
        self.qemu = qemu
        self.agent = agent
        self.channel = channel
        self.errors = errors
        self.record = record
    }

    static func start(
        _ plan: LaunchPlan, program: String, arguments: [String], account: Account?,
        timeout: Duration = .seconds(30)
    ) async throws(MachineError) -> SimulatedMachine {
        try plan.validate()
        let firmware = try plan.firmware.open("firmware")
        let kernel = try plan.kernel.open("kernel")
        let initrd = try plan.initrd.open("initrd")
        var console: OwnedDescriptor?
        if let path = plan.consolePath { console = try openConsole(path) }
        let control = try SocketPair(for: "control")
        let agent = try SocketPair(for: "agent")
        let errors = try ErrorStream()
        let processor = try await Spawner.shared.spawn(
            SpawnRequest(
                program: program, arguments: arguments,
                descriptors: [-1, -1, errors.writing.value ?? -1, control.far.value ?? -1], account: account))
        control.far.close()
        errors.writing.close()
        let record = SimulatedRecord()
        do throws(MachineError) {
            let inputs = [agent.far.value ?? -1, firmware.number, kernel.number, initrd.number]
            let channel = try await SoftTEEChannel.open(
                control.near, request: SoftTEERequest(plan), descriptors: inputs + (console?.value.map { [$0] } ?? [])
            ) { record.note($0) }
            withExtendedLifetime((firmware.owner, kernel.owner, initrd.owner, console)) {}
            agent.far.close()
            let alarm = Task {
                try await Task.sleep(for: timeout)
                record.note(.failed(reason: "it did not start QEMU within \(timeout)"))
            }
            defer { alarm.cancel() }
            let (pid, measurement) = try await record.started()
            let machine = SimulatedMachine(
                plan: plan, measurement: measurement, processor: processor, qemu: Spawner.shared.watch(pid),
                agent: agent.near, channel: channel, errors: errors, record: record)
            return machine
        } catch {
            _ = await processor.end(grace: .zero)
            let said = errors.text()
            throw MachineError(
                .launchFailed,
                "testudo-softtee did not start \(plan.name): \(error.message)\(said.isEmpty ? "" : " (\(said))")")
        }
    }

    /// Hands over the connected stream to the agent's port, once.
    public nonisolated func takeAgentSocket() -> CInt? { self.agent.take() }

    /// Waits until both processes are gone and tells how the machine ended.
    public func exit() async -> MachineExit {
        if let outcome { return outcome }
        let status = await self.processor.exit()
        _ = await self.qemu.exit()
        await self.record.closed()
        if let outcome { return outcome }
        self.agent.close()
        let told = self.record.end
        let detail = told?.detail ?? self.errors.text()
        let exit = MachineExit(
            cause: self.wasAsked ? .requested : told?.cause ?? .died, code: told.map(\.code) ?? status.code,
            signal: told.map(\.signal) ?? status.signal, detail: detail)
        self.outcome = exit
        return exit
    }

    /// Ends the machine: closes the control socket, then SIGKILL after `grace`; QEMU dies with its processor.
    public func terminate(grace: Duration) async {
        if self.outcome != nil { return }
        self.wasAsked = true
        self.channel.close()
        let processor = self.processor
        let killer = Task {
            try await Task.sleep(for: grace)
            processor.signal(SIGKILL)
        }
        defer { killer.cancel() }
        _ = await self.exit()
    }
}
