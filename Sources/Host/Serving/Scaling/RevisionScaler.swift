import Logging
import Sandbox

/// Keeps as many instances of one revision as its connections need: none without, one shared start for all who wait.
public actor RevisionScaler {
    /// Makes an instance that does not run yet.
    public typealias Maker =
        @Sendable (_ origin: ContinuousClock.Instant, _ onEnd: @escaping @Sendable (PodSandbox) async -> Void) ->
        PodSandbox
    /// Hears how each start went.
    public typealias Report = @Sendable (PodSandbox, Timeline, SandboxFailure?) async -> Void

    private struct Instance {
        let sandbox: PodSandbox
        let connection: AgentConnection
        var leases: [Int: InstanceLease] = [:]
        var idleSince = ContinuousClock.now
    }

    private typealias Start = Task<Result<ObjectIdentifier, SandboxFailure>, Never>

    private let settings: RevisionSettings
    private let make: Maker
    private let report: Report
    private let clock = ContinuousClock()
    private var instances: [ObjectIdentifier: Instance] = [:]
    private var starting: Start?
    private var beginning: PodSandbox?
    private var stopped = false
    private var nextLease = 0
    private var sweeper: Task<Void, Never>?

    /// Creates a scaler that runs nothing yet.
    public init(settings: RevisionSettings, make: @escaping Maker, report: @escaping Report) {
        self.settings = settings
        self.make = make
        self.report = report
    }

    /// An instance with room for one more connection, started when there is none.
    ///
    /// - Throws: ``SandboxFailure`` of the start that was waited for.
    public func lease() async throws(SandboxFailure) -> InstanceLease {
        let asked = self.clock.now
        for _ in 0..<3 {
            if self.stopped { break }
            if let id = self.roomiest(), let lease = self.take(id) { return lease }
            let id = try await self.start(asked: asked).get()
            // The instance can have ended, or have been filled, between its start and now.
            if self.hasRoom(id) || self.isFull, let lease = self.take(id) { return lease }
        }
        if !self.stopped, let id = self.leastLoaded(), let lease = self.take(id) { return lease }
        throw SandboxFailure(.stopped, "the revision is being replaced or deleted; try again")
    }

    /// Starts what `min-scale` asks for.
    public func prepare() async {
        self.watchIdleness()
        guard self.settings.minimum > 0, self.instances.isEmpty, !self.stopped else { return }
        _ = await self.start(asked: self.clock.now)
    }

    /// Stops every instance for good.
    public func stop() async {
        self.stopped = true
        self.sweeper?.cancel()
        await self.beginning?.stop()
        _ = await self.starting?.value
        let running = self.instances.values.map(\.sandbox)
        await withDiscardingTaskGroup { group in
            for sandbox in running { group.addTask { await sandbox.stop() } }
        }
    }

    /// The instances that run or start.
    public var sandboxes: [PodSandbox] { self.instances.values.map(\.sandbox) + (self.beginning.map { [$0] } ?? []) }

    private var isFull: Bool { self.instances.count >= self.settings.maximum }

    private func hasRoom(_ id: ObjectIdentifier) -> Bool {
        self.settings.concurrency == 0 || (self.instances[id]?.leases.count ?? 0) < self.settings.concurrency
    }

    private func leastLoaded() -> ObjectIdentifier? {
        self.instances.min { $0.value.leases.count < $1.value.leases.count }?.key
    }

    private func roomiest() -> ObjectIdentifier? {
        guard let id = self.leastLoaded(), self.hasRoom(id) || self.isFull else { return nil }
        return id
    }

    private func take(_ id: ObjectIdentifier) -> InstanceLease? {
        guard let instance = self.instances[id] else { return nil }
        let number = self.nextLease
        self.nextLease += 1
        let lease = InstanceLease(connection: instance.connection) { [weak self] in
            Task { await self?.giveBack(number, of: id) }
        }
        self.instances[id]?.leases[number] = lease
        return lease
    }

    private func giveBack(_ number: Int, of id: ObjectIdentifier) {
        guard self.instances[id]?.leases.removeValue(forKey: number) != nil else { return }
        self.instances[id]?.idleSince = self.clock.now
    }

    /// The result of the start that is under way, or of a new one.
    private func start(asked: ContinuousClock.Instant) async -> Result<ObjectIdentifier, SandboxFailure> {
        if let starting = self.starting { return await starting.value }
        let sandbox = self.make(asked) { [weak self] ended in await self?.ended(ended) }
        self.beginning = sandbox
        let start = Start { await self.run(sandbox) }
        self.starting = start
        return await start.value
    }

    private func run(_ sandbox: PodSandbox) async -> Result<ObjectIdentifier, SandboxFailure> {
        defer {
            self.starting = nil
            self.beginning = nil
        }
        var failure: SandboxFailure?
        do throws(SandboxFailure) {
            try await sandbox.start()
        } catch {
            failure = error
        }
        let connection = await sandbox.connection
        await self.report(sandbox, sandbox.timeline, failure)
        if let failure { return .failure(failure) }
        guard let connection, !self.stopped, await sandbox.connection != nil else {
            await sandbox.stop()
            return .failure(SandboxFailure(.stopped, "the instance ended right after its start"))
        }
        let id = ObjectIdentifier(sandbox)
        self.instances[id] = Instance(sandbox: sandbox, connection: connection)
        self.watchIdleness()
        return .success(id)
    }

    private func ended(_ sandbox: PodSandbox) async {
        guard let gone = self.instances.removeValue(forKey: ObjectIdentifier(sandbox)) else { return }
        for lease in gone.leases.values { lease.release() }
        if !self.stopped, self.settings.minimum > 0, self.instances.isEmpty {
            Task { await self.prepare() }
        }
    }

    private func watchIdleness() {
        guard self.sweeper == nil, !self.stopped else { return }
        self.sweeper = Task { [weak self] in
            while !Task.isCancelled {
                guard let pause = await self?.sweep() else { return }
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Stops instances that were idle long enough; returns when to look again, nil when nothing is left to watch.
    private func sweep() async -> Duration? {
        let now = self.clock.now
        let idle = Duration.seconds(self.settings.idleSeconds)
        // A connection over which nothing moves for longer than any request may take is as good as none.
        let silent = Duration.seconds(max(self.settings.idleSeconds, self.settings.timeoutSeconds))
        var due: [PodSandbox] = []
        for (id, instance) in self.instances {
            let isIdle =
                instance.leases.isEmpty
                ? instance.idleSince.duration(to: now) >= idle
                : instance.leases.values.allSatisfy { $0.active.duration(to: now) >= silent }
            guard isIdle, self.instances.count > self.settings.minimum else { continue }
            self.instances[id] = nil
            due.append(instance.sandbox)
        }
        for sandbox in due { await sandbox.stop() }
        if self.instances.isEmpty, self.starting == nil {
            self.sweeper = nil
            return nil
        }
        return min(.seconds(1), max(.milliseconds(20), idle / 4))
    }
}
