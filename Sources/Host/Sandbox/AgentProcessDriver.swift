import CLinux
import Evidence
import Glibc
import Hypervisor

/// Starts pods of class `testudo-runc`: the agent as a process of the host, with its stream on descriptor 3.
public struct AgentProcessDriver: MachineDriver {
    private let program: String
    private let instances: String

    /// Creates the driver.
    ///
    /// - Parameters:
    ///   - program: The agent's path.
    ///   - instances: The folder of the instances' folders; the plan's name picks one.
    public init(program: String, instances: String) {
        self.program = program
        self.instances = instances
    }

    /// Starts the agent; kernel, RAM disk and accelerator of the plan have no meaning here.
    public func launch(_ plan: LaunchPlan) async throws(MachineError) -> any RunningMachine {
        guard geteuid() == 0 else {
            throw MachineError(
                .missing, "testudo-runc needs root: a container of the host's runtime has no other walls")
        }
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw MachineError(.launchFailed, "cannot make the agent's socket: \(String(cString: strerror(errno)))")
        }
        let (near, far) = (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
        let process = try await Spawner.shared.spawn(
            SpawnRequest(
                program: self.program,
                arguments: ["--host-runc", "--fd", "3", "--state", "\(self.instances)/\(plan.name)"],
                environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"], descriptors: [-1, -1, -1, ends[1]]))
        far.close()
        return AgentProcess(process: process, agent: near)
    }
}

/// A running agent process.
final class AgentProcess: RunningMachine {
    let technology = Technology.none
    let accelerator = Accelerator.kvm
    private let process: SpawnedProcess
    private let agent: OwnedDescriptor

    init(process: SpawnedProcess, agent: OwnedDescriptor) {
        self.process = process
        self.agent = agent
    }

    var processes: [pid_t] { [self.process.pid] }

    func takeAgentSocket() -> CInt? { self.agent.take() }

    func exit() async -> MachineExit {
        let status = await self.process.exit()
        return MachineExit(cause: .died, code: status.code, signal: status.signal)
    }

    func terminate(grace: Duration) async {
        _ = await self.process.end(grace: grace)
        self.agent.close()
    }
}
