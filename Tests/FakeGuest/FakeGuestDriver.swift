import Evidence
import Glibc
import Hypervisor
import NIOCore
import NIOPosix
import Synchronization

/// Starts "machines" that are a guest's end of the multiplexer in this process.
public final class FakeGuestDriver: MachineDriver {
    private let behaviour: Mutex<FakeGuest.Behaviour>
    private let started = Mutex<[FakeMachine]>([])

    /// Creates a driver whose guests behave like this.
    public init(_ behaviour: FakeGuest.Behaviour = FakeGuest.Behaviour()) { self.behaviour = Mutex(behaviour) }

    /// The machines started so far, in order.
    public var machines: [FakeMachine] { self.started.withLock { $0 } }

    /// Changes how guests that are started from now on behave.
    public func behave(_ behaviour: FakeGuest.Behaviour) { self.behaviour.withLock { $0 = behaviour } }

    /// Starts a guest.
    public func launch(_ plan: LaunchPlan) async throws(MachineError) -> any RunningMachine {
        let behaviour = self.behaviour.withLock { $0 }
        if let refusal = behaviour.launchFailure { throw MachineError(.launchFailed, refusal) }
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw MachineError(.launchFailed, "no socket pair")
        }
        let guest = FakeGuest(behaviour)
        let socket = ends[1]
        let channel: (any Channel)?
        do {
            channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(FakeGuestHandler(guest))
                    }
                }
                .withConnectedSocket(socket).get()
        } catch {
            throw MachineError(.launchFailed, "\(error)")
        }
        let machine = FakeMachine(plan: plan, guest: guest, channel: channel, agent: OwnedDescriptor(ends[0]))
        self.started.withLock { $0.append(machine) }
        return machine
    }
}

/// A running fake machine.
public final class FakeMachine: RunningMachine {
    /// Always none.
    public let technology = Technology.none
    /// Always emulation.
    public let accelerator = Accelerator.tcg
    /// There are no processes.
    public let processes: [pid_t] = []
    /// What it was started with.
    public let plan: LaunchPlan
    /// The guest inside.
    public let guest: FakeGuest
    private let channel: (any Channel)?
    private let agent: OwnedDescriptor
    private let end: (stream: AsyncStream<Void>, finish: AsyncStream<Void>.Continuation)
    private let wasTerminated = Mutex(false)

    init(plan: LaunchPlan, guest: FakeGuest, channel: (any Channel)?, agent: OwnedDescriptor) {
        self.plan = plan
        self.guest = guest
        self.channel = channel
        self.agent = agent
        let (stream, finish) = AsyncStream.makeStream(of: Void.self)
        self.end = (stream, finish)
    }

    /// Whether the host ended it.
    public var isTerminated: Bool { self.wasTerminated.withLock { $0 } }

    /// Hands the host's end over.
    public func takeAgentSocket() -> CInt? { self.agent.take() }

    /// Waits for the end.
    public func exit() async -> MachineExit {
        for await _ in self.end.stream {}
        return MachineExit(cause: self.isTerminated ? .requested : .died, code: nil, signal: SIGKILL)
    }

    /// The host ends it.
    public func terminate(grace: Duration) async {
        self.wasTerminated.withLock { $0 = true }
        await self.die()
    }

    /// It dies by itself, as a killed QEMU does.
    public func die() async {
        try? await self.channel?.close()
        self.agent.close()
        self.end.finish.finish()
    }
}
