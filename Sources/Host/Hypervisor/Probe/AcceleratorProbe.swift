import Glibc
import NIOCore
import NIOPosix

/// Finds out whether KVM works here, by booting the real kernel under it.
///
/// That `/dev/kvm` opens proves little: on nested hosts it creates machines that stop in early boot. The finding is
/// remembered in a file, keyed by what decides it.
public struct AcceleratorProbe: Sendable {
    private let kernel: String
    private let initrd: String
    private let cacheFile: String?
    private let device: String
    private let program: String
    private let limit: Duration

    /// Creates the probe.
    ///
    /// - Parameters:
    ///   - kernel: The guest's kernel.
    ///   - initrd: A RAM disk whose init speaks on the agent's port, as the guest's does, or powers off.
    ///   - cacheFile: Where the finding is remembered; nil probes each time.
    ///   - limit: How long the boot may take. Under a KVM that works it takes well under a second.
    ///   - device: KVM's device.
    ///   - program: QEMU's path.
    public init(
        kernel: String, initrd: String, cacheFile: String?, limit: Duration = .seconds(5),
        device: String = "/dev/kvm", program: String = QEMUArguments.program
    ) {
        self.kernel = kernel
        self.initrd = initrd
        self.cacheFile = cacheFile
        self.limit = limit
        self.device = device
        self.program = program
    }

    /// Probes, or remembers.
    ///
    /// - Parameters:
    ///   - runAs: The account machines will run as.
    ///   - commandLine: The guest's command line.
    /// - Throws: ``MachineError`` when QEMU or the kernel is missing; a KVM that fails is a finding, not an error.
    public func find(runAs: Account? = nil, commandLine: String) async throws(MachineError) -> AcceleratorFinding {
        guard access(self.device, F_OK) == 0 else {
            return AcceleratorFinding(accelerator: .tcg, reason: "there is no \(self.device)")
        }
        // Permission is looked at each time, since a group membership may change.
        guard access(self.device, R_OK | W_OK) == 0 else {
            return AcceleratorFinding(accelerator: .tcg, reason: "\(self.device) may not be used by this user")
        }
        let fingerprint = try HostFingerprint(kernel: self.kernel, qemu: self.program).text
        if let remembered = self.remembered(fingerprint) { return remembered }
        let finding = await self.boot(runAs: runAs, commandLine: commandLine)
        if let cacheFile { Self.store(finding.bytes(fingerprint: fingerprint), at: cacheFile) }
        return finding
    }

    private func remembered(_ fingerprint: String) -> AcceleratorFinding? {
        // A file that cannot be read or understood is no finding; the probe then writes a new one.
        guard let cacheFile else { return nil }
        guard let bytes = try? wholeFile(cacheFile, limit: 1 << 16, purpose: "finding") else { return nil }
        return try? AcceleratorFinding(parsing: bytes, fingerprint: fingerprint)
    }

    private func boot(runAs: Account?, commandLine: String) async -> AcceleratorFinding {
        let plan = LaunchPlan(
            name: "kvm-probe", kernel: .path(self.kernel), initrd: .path(self.initrd), commandLine: commandLine,
            vcpus: 1, memoryMiB: 512, accelerator: .kvm, runAs: runAs)
        let start = ContinuousClock.now
        do {
            let machine = try await VirtualMachine.start(plan, program: self.program, timeout: self.limit)
            let spoke = await Self.waitForGuest(machine, limit: self.limit)
            await machine.terminate(grace: .milliseconds(200))
            let exit = await machine.exit()
            let time = start.duration(to: .now)
            if spoke || exit.cause == .guestShutdown {
                return AcceleratorFinding(
                    accelerator: .kvm, reason: "the guest's kernel booted under KVM in \(Self.milliseconds(time)) ms")
            }
            let what =
                exit.cause == .requested
                ? "did not boot under KVM within \(Self.milliseconds(self.limit)) ms"
                : "did not boot under KVM: \(exit)"
            return AcceleratorFinding(accelerator: .tcg, reason: "the guest's kernel \(what)")
        } catch {
            return AcceleratorFinding(accelerator: .tcg, reason: "KVM does not start here: \(error.message)")
        }
    }

    /// Waits for the first byte on the agent's port, the machine's end, or the limit.
    private static func waitForGuest(_ machine: VirtualMachine, limit: Duration) async -> Bool {
        guard let socket = machine.takeAgentSocket() else { return false }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let heard = loop.makePromise(of: Bool.self)
        let alarm = loop.scheduleTask(in: TimeAmount(limit)) { heard.succeed(false) }
        let channel = try? await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstByteHandler(heard: heard))
                }
            }
            .withConnectedSocket(socket).get()
        if channel == nil { heard.succeed(false) }
        let ended = Task {
            _ = await machine.exit()
            heard.succeed(false)
        }
        let spoke = (try? await heard.futureResult.get()) ?? false
        alarm.cancel()
        ended.cancel()
        try? await channel?.close()
        return spoke
    }

    private static func milliseconds(_ time: Duration) -> Int64 {
        time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
    }

    private static func store(_ bytes: [UInt8], at path: String) {
        // Losing the finding costs a probe next time, nothing else; so failures are not reported.
        let new = "\(path).new"
        let file = OwnedDescriptor(open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600))
        guard let descriptor = file.value, descriptor >= 0 else { return }
        guard write(descriptor, bytes, bytes.count) == bytes.count, rename(new, path) == 0 else {
            unlink(new)
            return
        }
    }
}

private final class FirstByteHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let heard: EventLoopPromise<Bool>

    init(heard: EventLoopPromise<Bool>) { self.heard = heard }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.heard.succeed(true) }

    func channelInactive(context: ChannelHandlerContext) { self.heard.succeed(false) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.heard.succeed(false) }
}
