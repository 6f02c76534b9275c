import Hypervisor
import Logging
import NIOCore
import PodManifest
import WireFormat

/// One instance of one revision: from its place on the node to the removal of all it left.
public actor PodSandbox {
    /// Time limits of an instance.
    public struct Limits: Sendable {
        /// From the start of the machine to the agent's first word.
        public var boot: TimeAmount = .seconds(60)
        /// From the manifest to an application that answers.
        public var start: TimeAmount = .seconds(300)
        /// From asking the guest to stop to killing it.
        public var grace: TimeAmount = .seconds(5)

        /// The default limits.
        public init() {}
    }

    /// What all instances of a node share.
    public struct Environment: Sendable {
        /// Records of what instances have outside this process.
        public let journal: InstanceJournal
        /// Room on the node.
        public let capacity: NodeCapacity
        /// Starts machines and processes.
        public let launcher: InstanceLauncher
        /// The event loop of agents and gateways.
        public let loop: any EventLoop
        /// Time limits.
        public let limits: Limits
        /// The node's log.
        public let logger: Logger

        /// Creates an environment.
        public init(
            journal: InstanceJournal, capacity: NodeCapacity, launcher: InstanceLauncher, loop: any EventLoop,
            limits: Limits = Limits(), logger: Logger
        ) {
            self.journal = journal
            self.capacity = capacity
            self.launcher = launcher
            self.loop = loop
            self.limits = limits
            self.logger = logger
        }
    }

    private enum State {
        case idle
        case starting
        case running(AgentConnection)
        case ended
    }

    /// What the instance runs.
    public nonisolated let specification: PodSpecification
    /// The phases reached so far.
    public private(set) var timeline: Timeline
    /// The instance's random name; empty before it has one.
    public private(set) var id = ""
    private let environment: Environment
    private let logs: SealedLogRing
    private let onEnd: @Sendable (PodSandbox) async -> Void
    private var state = State.idle
    private var entry: InstanceJournal.Entry?
    private var machine: (any RunningMachine)?
    private var agent: AgentConnection?
    private var cleaning: Task<Void, Never>?
    private var records: AsyncStream<[UInt8]>.Continuation?

    /// Creates an instance that does not run yet.
    ///
    /// - Parameters:
    ///   - specification: What to run.
    ///   - environment: What the node gives.
    ///   - logs: Where its log records go.
    ///   - origin: When it was asked for.
    ///   - onEnd: Called once when an instance that was running is gone, whatever the reason.
    public init(
        specification: PodSpecification, environment: Environment, logs: SealedLogRing,
        origin: ContinuousClock.Instant = .now, onEnd: @escaping @Sendable (PodSandbox) async -> Void
    ) {
        self.specification = specification
        self.environment = environment
        self.logs = logs
        self.timeline = Timeline(origin: origin)
        self.onEnd = onEnd
    }

    /// The connection for ingress while the instance runs.
    public var connection: AgentConnection? {
        if case .running(let connection) = self.state { connection } else { nil }
    }

    /// Starts the instance and returns when its application answers.
    ///
    /// - Throws: ``SandboxFailure``; nothing of the instance is left then.
    public func start() async throws(SandboxFailure) {
        guard case .idle = self.state else { throw SandboxFailure(.stopped, "the instance was started before") }
        self.state = .starting
        do throws(SandboxFailure) {
            try await self.launch()
            let agent = try await self.connect()
            try await agent.waitForHello(within: self.environment.limits.boot)
            _ = try await agent.request(
                .latch(initData: self.specification.initData.bytes), within: self.environment.limits.boot)
            _ = await agent.mark(.agent)
            _ = try await agent.request(.start, within: self.environment.limits.start)
            self.timeline = await agent.mark(.app)
            guard case .starting = self.state else { throw SandboxFailure(.stopped, "stopped while starting") }
            self.state = .running(agent)
        } catch {
            let failure = await self.cause(of: error)
            await self.cleanUp()
            throw failure
        }
    }

    /// Stops the instance: asks the guest, waits for the grace period, kills, and removes all it left.
    public func stop() async {
        if case .running(let agent) = self.state {
            self.state = .ended
            let grace = self.environment.limits.grace
            let seconds = grace.nanoseconds / 1_000_000_000
            _ = try? await agent.request(.stop(grace: Int(seconds)), within: grace)
        }
        await self.cleanUp()
    }

    /// What the node may show of this instance.
    public func summary() async -> JSONValue {
        if let agent = self.agent { self.timeline = await agent.mark(nil) }
        let state =
            switch self.state {
            case .idle, .starting: "Starting"
            case .running: "Running"
            case .ended: "Stopped"
            }
        return .object([
            "id": .string(self.id), "namespace": .string(self.specification.namespace),
            "service": .string(self.specification.service), "revision": .string(self.specification.revision),
            "runtimeClass": .string(self.specification.runtimeClass.rawValue), "state": .string(state),
            "manifest": .string(self.specification.initData.digest.description), "phases": self.timeline.json,
        ])
    }

    private func launch() async throws(SandboxFailure) {
        let entry: InstanceJournal.Entry
        do throws(AtomicFile.Failure) {
            entry = try await self.environment.journal.begin(
                usesHostRuntime: self.specification.runtimeClass == .container)
        } catch {
            throw SandboxFailure(.launchFailed, error.description)
        }
        self.entry = entry
        self.id = entry.id
        try await self.environment.capacity.take(
            entry.id, memoryMiB: Int(self.specification.manifest.resources.memoryMiB))
        self.timeline.mark(.schedule)
        self.machine = try await self.environment.launcher.launch(self.specification, entry: entry)
        guard case .starting = self.state else {
            // Stopped while the machine started: clean-up has run already and knew nothing of it.
            await self.machine?.terminate(grace: .zero)
            throw SandboxFailure(.stopped, "stopped while starting")
        }
        self.timeline.mark(.vm)
    }

    private func connect() async throws(SandboxFailure) -> AgentConnection {
        guard let socket = self.machine?.takeAgentSocket(), case .starting = self.state else {
            throw SandboxFailure(.stopped, "stopped while starting")
        }
        let (stream, records) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingNewest(256))
        self.records = records
        let (logs, id) = (self.logs, self.id)
        Task {
            for await bytes in stream { try? await logs.append(.init(instance: id, bytes: bytes)) }
        }
        let sinks = AgentConnection.Sinks(
            log: { records.yield($0) },
            closed: { [weak self] _ in Task { await self?.connectionClosed() } })
        do {
            let agent = try await AgentConnection.take(
                socket: socket, policy: DialPolicy(self.specification.manifest),
                confidential: self.specification.runtimeClass == .confidential, timeline: self.timeline, sinks: sinks,
                loop: self.environment.loop)
            self.agent = agent
            return agent
        } catch {
            throw SandboxFailure(.launchFailed, "the agent's socket: \(error)")
        }
    }

    /// Prefers what the guest said, then how the machine ended, to the symptom that was seen first.
    private func cause(of failure: SandboxFailure) async -> SandboxFailure {
        if let agent = self.agent {
            self.timeline = await agent.mark(nil)
            if let reported = await agent.reportedFailure() {
                return reported.reason.isEmpty && self.specification.runtimeClass != .confidential
                    ? SandboxFailure(reported.kind, failure.reason) : reported
            }
        }
        if failure.kind == .guestFailed, let machine = self.machine,
            let exit = await Self.exit(of: machine, within: .milliseconds(500))
        {
            return SandboxFailure(.exited, "the machine ended: \(exit)")
        }
        return failure
    }

    /// How the machine ended, when it does so within a short time.
    private static func exit(of machine: any RunningMachine, within limit: Duration) async -> MachineExit? {
        let (results, result) = AsyncStream.makeStream(of: MachineExit?.self, bufferingPolicy: .bufferingOldest(1))
        let waiter = Task { result.yield(await machine.exit()) }
        let alarm = Task {
            try await Task.sleep(for: limit)
            result.yield(nil)
        }
        defer {
            waiter.cancel()
            alarm.cancel()
        }
        for await exit in results { return exit }
        return nil
    }

    private func connectionClosed() async {
        guard case .running = self.state else { return }
        self.environment.logger.warning(
            "an instance ended by itself",
            metadata: ["instance": "\(self.id)", "revision": "\(self.specification.revision)"])
        await self.cleanUp()
    }

    /// Kills and removes; callers at the same time share one clean-up.
    private func cleanUp() async {
        if let cleaning = self.cleaning { return await cleaning.value }
        let task = Task { await self.removeAll() }
        self.cleaning = task
        await task.value
    }

    private func removeAll() async {
        self.state = .ended
        if let agent = self.agent { self.timeline = await agent.mark(nil) }
        await self.machine?.terminate(grace: .milliseconds(500))
        await self.agent?.close()
        self.records?.finish()
        if let entry = self.entry {
            do throws(AtomicFile.Failure) {
                try await self.environment.journal.end(entry)
            } catch {
                self.environment.logger.error(
                    "an instance left something", metadata: ["instance": "\(entry.id)", "error": "\(error)"])
            }
            await self.environment.capacity.giveBack(entry.id)
        }
        await self.onEnd(self)
    }
}
