import AgentProtocol
import FakeGuest
import Hypervisor
import Logging
import NIOCore
import NIOPosix
import PodManifest
import TestSupport
import Testing
import WireFormat

@testable import Sandbox

/// A node's parts around fake machines.
struct Bench: Sendable {
    let scratch: ScratchFolder
    let driver: FakeGuestDriver
    let environment: PodSandbox.Environment
    var instances: String { "\(self.scratch.path)/instances" }

    init(_ behaviour: FakeGuest.Behaviour = .init(), boot: TimeAmount = .seconds(10), room: Int = 4) throws {
        self.scratch = try ScratchFolder()
        self.driver = FakeGuestDriver(behaviour)
        var limits = PodSandbox.Limits()
        limits.boot = boot
        limits.start = .seconds(10)
        self.environment = PodSandbox.Environment(
            journal: try InstanceJournal(folder: "\(self.scratch.path)/instances"),
            capacity: NodeCapacity(instances: room, memoryMiB: 0),
            launcher: InstanceLauncher(
                machines: .init(
                    firmware: "/firmware", kernel: "/kernel", initrd: "/initrd", accelerator: .tcg, account: nil),
                choices: [
                    .machine: .driver(self.driver, .none), .confidential: .driver(self.driver, .softSNP),
                    .container: .unavailable("it needs root"),
                ]),
            loop: MultiThreadedEventLoopGroup.singleton.next(), limits: limits, logger: Logger(label: "test"))
    }

    func sandbox(
        _ manifest: PodManifest, onEnd: @escaping @Sendable (PodSandbox) async -> Void = { _ in }
    ) throws -> PodSandbox {
        PodSandbox(
            specification: try PodSpecification(
                namespace: "default", service: "hello", revision: "hello-00001", manifest: manifest,
                initData: try InitData(manifest: manifest)),
            environment: self.environment, logs: SealedLogRing(path: "\(self.scratch.path)/hello-00001.ring"),
            onEnd: onEnd)
    }

    /// What is left of instances on disk.
    var leftovers: [String] { AtomicFile.names(in: self.instances) }
}

/// Waits until something holds, for what has no event to wait for.
func eventually(_ holds: () async -> Bool) async -> Bool {
    for _ in 0..<500 {
        if await holds() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}

@Suite struct PodSandboxTests {
    @Test func `a start latches the exact envelope first and passes the phases in order`() async throws {
        let bench = try Bench()
        let manifest = try SamplePods.manifest()
        let sandbox = try bench.sandbox(manifest)
        try await sandbox.start()
        let machine = try #require(bench.driver.machines.first)
        #expect(machine.guest.operations == [.latch(initData: try InitData(manifest: manifest).bytes), .start])
        #expect(machine.plan.hostData.isEmpty)
        let marks = await sandbox.timeline.marks
        #expect(marks.map(\.phase) == [.schedule, .vm, .kernel, .agent, .image, .container, .app])
        #expect(marks.map(\.milliseconds) == marks.map(\.milliseconds).sorted())
        #expect(await sandbox.connection != nil)
        await sandbox.stop()
        #expect(machine.guest.operations.last == .stop(grace: 5))
        #expect(machine.isTerminated)
        #expect(bench.leftovers.isEmpty)
        #expect(await sandbox.connection == nil)
    }

    @Test func `a confidential pod is launched with its digest as host data`() async throws {
        let bench = try Bench()
        let manifest = try SamplePods.manifest(runtimeClass: "testudo-cvm")
        let sandbox = try bench.sandbox(manifest)
        try await sandbox.start()
        let plan = try #require(bench.driver.machines.first).plan
        #expect(try plan.hostData == InitData(manifest: manifest).digest.bytes)
        #expect(plan.technology == .softSNP && plan.consolePath == nil)
        await sandbox.stop()
    }

    @Test(arguments: FailureKind.allCases)
    func `a failed start keeps the kind, leaves nothing and drops a confidential guest's text`(kind: FailureKind)
        async throws
    {
        var behaviour = FakeGuest.Behaviour()
        behaviour.startFailure = kind
        behaviour.failureReason = "the secret is 42"
        for runtimeClass in ["testudo-cvm", "testudo-vm"] {
            let bench = try Bench(behaviour)
            let sandbox = try bench.sandbox(try SamplePods.manifest(runtimeClass: runtimeClass))
            let failure = await #expect(throws: SandboxFailure.self) { try await sandbox.start() }
            #expect(failure?.kind.rawValue == kind.rawValue)
            #expect(failure?.reason == (runtimeClass == "testudo-cvm" ? "" : "the secret is 42"))
            #expect(bench.leftovers.isEmpty)
            #expect(bench.driver.machines.first?.isTerminated == true)
        }
    }

    @Test func `a silent guest is given up in time, a launch that fails and an absent class say why`() async throws {
        var silent = FakeGuest.Behaviour()
        silent.isSilent = true
        let bench = try Bench(silent, boot: .milliseconds(100))
        let failure = await #expect(throws: SandboxFailure.self) {
            try await bench.sandbox(try SamplePods.manifest()).start()
        }
        #expect(failure?.kind == .timedOut)
        #expect(bench.leftovers.isEmpty)

        var broken = FakeGuest.Behaviour()
        broken.launchFailure = "QEMU is missing"
        let second = try Bench(broken)
        let launch = await #expect(throws: SandboxFailure.self) {
            try await second.sandbox(try SamplePods.manifest()).start()
        }
        #expect(launch == SandboxFailure(.launchFailed, "QEMU is missing"))
        let absent = await #expect(throws: SandboxFailure.self) {
            try await second.sandbox(try SamplePods.manifest(runtimeClass: "testudo-runc")).start()
        }
        #expect(absent?.kind == .classUnavailable && absent?.reason.contains("it needs root") == true)
        #expect(second.leftovers.isEmpty)
    }

    @Test func `a machine that dies is noticed and cleaned up without being asked`() async throws {
        let bench = try Bench()
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let sandbox = try bench.sandbox(try SamplePods.manifest()) { _ in end.yield() }
        try await sandbox.start()
        await bench.driver.machines[0].die()
        var iterator = ends.makeAsyncIterator()
        _ = await iterator.next()
        #expect(await sandbox.connection == nil)
        #expect(bench.leftovers.isEmpty)
    }

    @Test func `the node's room is given out once and comes back`() async throws {
        let bench = try Bench(room: 1)
        let first = try bench.sandbox(try SamplePods.manifest())
        try await first.start()
        let failure = await #expect(throws: SandboxFailure.self) {
            try await bench.sandbox(try SamplePods.manifest()).start()
        }
        #expect(failure?.kind == .nodeFull)
        await first.stop()
        let third = try bench.sandbox(try SamplePods.manifest())
        try await third.start()
        await third.stop()
        #expect(bench.leftovers.isEmpty)
    }

    @Test func `records of the guest are kept as they came`() async throws {
        var behaviour = FakeGuest.Behaviour()
        behaviour.records = [[1, 2, 3], [UInt8](repeating: 7, count: 256)]
        let bench = try Bench(behaviour)
        let sandbox = try bench.sandbox(try SamplePods.manifest(runtimeClass: "testudo-cvm"))
        try await sandbox.start()
        let ring = SealedLogRing(path: "\(bench.scratch.path)/hello-00001.ring")
        #expect(await eventually { await ring.records().map(\.bytes) == behaviour.records })
        await sandbox.stop()
    }
}

@Suite struct GuestReachTests {
    @Test func `a guest reaches its manifest's places and nothing else`() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Pong()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        var behaviour = FakeGuest.Behaviour()
        let forbidden = ["dial:127.0.0.1:22", "dial:localhost:\(port)", "dial:127.0.0.1:\(port)/x", "open-sesame"]
        behaviour.dials = ["dial:127.0.0.1:\(port)"] + forbidden
        let bench = try Bench(behaviour)
        let sandbox = try bench.sandbox(try SamplePods.manifest(registryPort: port))
        try await sandbox.start()
        let guest = try #require(bench.driver.machines.first).guest
        #expect(await eventually { guest.dials["dial:127.0.0.1:\(port)"] == "pong" })
        for target in forbidden where target.hasPrefix("dial:") {
            #expect(await eventually { guest.dials[target]?.hasPrefix("reset: ") == true }, "\(target)")
        }
        await sandbox.stop()
        try await server.close()
    }

    @Test func `places come from the manifest's addresses`() throws {
        let policy = DialPolicy(urls: ["https://broker.example", "http://[::1]:5000/x", "", "ftp://other:21"])
        #expect(policy.allowed == [.init(host: "broker.example", port: 443), .init(host: "::1", port: 5000)])
        #expect(policy.place(of: "dial:BROKER.example:443") != nil)
        #expect(policy.place(of: "dial:[::1]:5000") != nil)
        for target in [
            "dial:broker.example", "dial:broker.example:80", "dial:u@broker.example:443", "dial::443", "tls",
        ] {
            #expect(policy.place(of: target) == nil, "\(target)")
        }
    }
}

private final class Pong: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: "pong")), promise: nil)
    }
}
