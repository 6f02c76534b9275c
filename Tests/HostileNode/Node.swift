import Dispatch
import Evidence
import Glibc
import Hypervisor
import Logging
import NIOPosix
import PodManifest
import Sandbox
import Synchronization

/// A node like the real one, whose launches are altered: the same sandbox, the same simulated processor.
struct Node {
    /// From the start of the program to giving up, so that cleaning up still fits into a minute.
    static let limit = Duration.seconds(52)
    /// Who machines run as when the node is root, as the real node has it.
    static let account: UInt32 = 64321

    let attack: Attack
    let files: Files
    /// Who stands in for the tenant's key broker, when that is the attack.
    var broker: PodKeyBroker?

    /// Plays the attack and leaves nothing behind.
    func play(until end: ContinuousClock.Instant) async throws -> Verdict {
        let original = try InitData(parsing: try AtomicFile.read(self.files.initData))
        defer { self.files.remove() }
        let journal = try InstanceJournal(folder: self.files.instances)
        _ = await journal.recover()
        if self.attack == .initrd { try self.files.writeAlteredInitrd() }
        let sandbox = try await self.sandbox(original, journal: journal)
        let outOfTime = Mutex(false)
        let interrupted = Mutex(false)
        let alarm = Task {
            try await Task.sleep(until: end)
            outOfTime.withLock { $0 = true }
            await sandbox.stop()
        }
        let signals = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler {
                interrupted.withLock { $0 = true }
                Task { await sandbox.stop() }
            }
            source.resume()
            return source
        }
        defer {
            alarm.cancel()
            for source in signals { source.cancel() }
        }
        do throws(SandboxFailure) {
            try await sandbox.start()
        } catch {
            // An end from outside refutes nothing.
            if interrupted.withLock({ $0 }) { throw SandboxFailure(.stopped, "interrupted by a signal") }
            let isLate = outOfTime.withLock { $0 }
            guard let verdict = Verdict.failed(self.attack, error, outOfTime: isLate) else { throw error }
            return verdict
        }
        await sandbox.stop()
        return .ready(self.attack)
    }

    private func sandbox(_ original: InitData, journal: InstanceJournal) async throws -> PodSandbox {
        let latched = try self.attack.latched(original, broker: self.broker)
        let specification = try PodSpecification(
            namespace: latched.manifest.namespace, service: latched.manifest.name,
            revision: "\(latched.manifest.name)-00001", manifest: latched.manifest, initData: latched)
        var limits = PodSandbox.Limits()
        limits.start = .seconds(60)
        limits.grace = .seconds(1)
        var logger = Logger(label: "hostile-node") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        let environment = PodSandbox.Environment(
            journal: journal, capacity: NodeCapacity(instances: 1, memoryMiB: 0),
            launcher: try await self.launcher(original), loop: MultiThreadedEventLoopGroup.singleton.next(),
            limits: limits, logger: logger)
        return PodSandbox(
            specification: specification, environment: environment, logs: SealedLogRing(path: self.files.logs),
            onEnd: { _ in })
    }

    private func launcher(_ original: InitData) async throws -> InstanceLauncher {
        let account = geteuid() == 0 ? Self.accountForMachines() : nil
        let finding = try await AcceleratorProbe(
            kernel: self.files.kernel, initrd: self.files.initrd, cacheFile: self.files.accelerator
        ).find(runAs: account, commandLine: GuestCommandLine.release)
        let honest = SoftTEEDriver(program: self.files.softTEE, keysFolder: self.files.softTEEKeys, account: account)
        let (attack, alteredInitrd) = (self.attack, self.files.alteredInitrd)
        let driver = AlteringDriver(honest: honest) {
            attack.alter(&$0, original: original, alteredInitrd: alteredInitrd)
        }
        let machines = InstanceLauncher.Machines(
            firmware: self.files.firmware, kernel: self.files.kernel, initrd: self.files.initrd,
            accelerator: finding.accelerator, account: account)
        return InstanceLauncher(machines: machines, choices: [.confidential: .driver(driver, .softSNP)])
    }

    /// The account with the group that may open KVM's device, where there is one.
    private static func accountForMachines() -> Account {
        var status = stat()
        guard stat("/dev/kvm", &status) == 0, status.st_mode & (S_IRGRP | S_IWGRP) == S_IRGRP | S_IWGRP,
            status.st_gid != 0
        else { return Account(user: Self.account, group: Self.account) }
        return Account(user: Self.account, group: status.st_gid)
    }
}
