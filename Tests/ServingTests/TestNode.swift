import Envelope
import FakeGuest
import HTTPExchange
import Hummingbird
import Hypervisor
import Logging
import NIOCore
import NIOPosix
import PodManifest
import Sandbox
import ServiceLifecycle
import Synchronization
import TestSupport
import WireFormat

@testable import Serving

/// Answers that tests choose.
final class FakeAnswers: DigestResolving, RegistrationChecking {
    private let state = Mutex((registration: Registration.registered, isRegistryUp: true, asked: 0))

    var registration: Registration {
        get { self.state.withLock { $0.registration } }
        set { self.state.withLock { $0.registration = newValue } }
    }
    var isRegistryUp: Bool {
        get { self.state.withLock { $0.isRegistryUp } }
        set { self.state.withLock { $0.isRegistryUp = newValue } }
    }
    var digestQuestions: Int { self.state.withLock { $0.asked } }

    func digest(of image: String) async throws -> SHA256Digest {
        let isUp = self.state.withLock { state in
            state.asked += 1
            return state.isRegistryUp
        }
        guard isUp else { throw APIFailure() }
        return try SHA256Digest(hex: String(repeating: "a", count: 64))
    }

    func check(_ manifest: PodManifest, digest: SHA256Digest) async -> Registration {
        manifest.keyBroker.url.isEmpty ? .notNeeded : self.registration
    }

    private struct APIFailure: Error {}
}

/// A whole node around fake machines, on ports of its own.
final class TestNode: Sendable {
    static let token = "0123456789abcdef0123"
    let scratch: ScratchFolder
    let driver: FakeGuestDriver
    let answers = FakeAnswers()
    let store: ObjectStore
    let activator: Activator
    let tls: Gateway<TLSDialect>
    let http: Gateway<HTTPDialect>
    let apiPort: Int
    private let trigger: ServiceGroup
    private let tasks: [Task<Void, Never>]

    init(
        _ behaviour: FakeGuest.Behaviour = .init(), idleSeconds: Int = 60, scratch: ScratchFolder? = nil,
        startLimit: TimeAmount = .seconds(20)
    ) async throws {
        let scratch = try scratch ?? ScratchFolder()
        self.scratch = scratch
        let driver = FakeGuestDriver(behaviour)
        self.driver = driver
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let environment = PodSandbox.Environment(
            journal: try InstanceJournal(folder: "\(scratch.path)/instances"),
            capacity: NodeCapacity(instances: 4, memoryMiB: 0),
            launcher: InstanceLauncher(
                machines: .init(
                    firmware: "/firmware", kernel: "/kernel", initrd: "/initrd", accelerator: .tcg, account: nil),
                choices: [.machine: .driver(driver, .none), .confidential: .driver(driver, .softSNP)]),
            loop: loop, logger: logger)
        let activator = Activator(environment: environment, logFolder: "\(scratch.path)/logs")
        let store = try ObjectStore(folder: "\(scratch.path)/services")
        var limits = Gateway<TLSDialect>.Limits()
        limits.hello = .milliseconds(500)
        limits.start = startLimit
        self.tls = try await Gateway.listen(
            host: "127.0.0.1", port: 0, dialect: TLSDialect(), activator: activator, limits: limits, loop: loop)
        self.http = try await Gateway.listen(
            host: "127.0.0.1", port: 0, dialect: HTTPDialect(tlsPort: self.tls.port), activator: activator, loop: loop)
        let reconciler = Reconciler(
            store: store, activator: activator, digests: self.answers, registrations: self.answers,
            profile: try SamplePods.profile(), unavailable: [.container: "it needs root"], idleSeconds: idleSeconds,
            addresses: .init(tls: self.tls.port, http: self.http.port), logger: logger)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: APIResponder(
                token: try BearerToken(Self.token), store: store,
                node: NodeReport(description: ["accelerator": "tcg", "simulated": true], activator: activator)),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0), serverName: nil),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, eventLoopGroupProvider: .shared(loop),
            logger: logger)
        let group = ServiceGroup(configuration: .init(services: [.init(service: application)], logger: logger))
        self.trigger = group
        self.tasks = [
            Task { try? await group.run() },
            Task { await reconciler.run() },
        ]
        var iterator = ports.makeAsyncIterator()
        self.apiPort = await iterator.next() ?? 0
        self.store = store
        self.activator = activator
    }

    func stop() async {
        await self.tls.close()
        await self.http.close()
        await self.trigger.triggerGracefulShutdown()
        self.tasks[1].cancel()
        await self.activator.shutDown()
        for task in self.tasks { await task.value }
    }

    /// One call of the API.
    func call(
        _ method: String, _ path: String, body: JSONValue? = nil, type: String = "application/json",
        authorization: String = "Bearer \(TestNode.token)", accept: String = "application/json"
    ) async throws -> (status: Int, body: JSONValue) {
        let exchanger = HTTPExchanger(
            endpoint: try HTTPEndpoint(url: "http://127.0.0.1:\(self.apiPort)", trust: .none), dialer: TCPDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let answer = try await exchanger.send(
            ExchangeRequest(
                method: method, path: path,
                headers: [("Authorization", authorization), ("Content-Type", type), ("Accept", accept)],
                body: body?.canonicalBytes ?? []))
        return (answer.status, try JSONValue.parse(answer.body))
    }

    static let services = "/apis/serving.knative.dev/v1/namespaces/default/services"

    /// Applies a Service and waits for the first status that `accepts`.
    @discardableResult
    func apply(_ service: JSONValue, until accepts: (JSONValue) -> Bool = { TestNode.ready($0) == "True" }) async throws
        -> JSONValue
    {
        let name = service.at("metadata", "name")?.stringValue ?? ""
        let answer = try await self.call(
            "PATCH", "\(Self.services)/\(name)?fieldManager=test&force=true", body: service,
            type: "application/apply-patch+yaml")
        guard answer.status < 300 else { return answer.body }
        return try await self.status(name, until: accepts)
    }

    /// Waits for a status.
    func status(_ name: String, until accepts: (JSONValue) -> Bool) async throws -> JSONValue {
        var last = JSONValue.null
        for _ in 0..<500 {
            last = try await self.call("GET", "\(Self.services)/\(name)").body
            if last.at("status", "observedGeneration") == last.at("metadata", "generation"), accepts(last) {
                return last
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return last
    }

    static func ready(_ service: JSONValue) -> String? { Conditions.find("Ready", in: service)?["status"]?.stringValue }

    /// Sends bytes to a port, half-closes when asked, and returns what comes back until the end.
    func exchange(
        _ port: Int, _ bytes: [UInt8], halfClose: Bool = false, until enough: Int = .max, seconds: Int64 = 10
    ) async throws -> [UInt8] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let done = loop.makePromise(of: [UInt8].self)
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(done: done, enough: enough))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let alarm = loop.scheduleTask(in: .seconds(seconds)) { done.fail(Silence()) }
        try? await channel.writeAndFlush(ByteBuffer(bytes: bytes))
        if halfClose { try? await channel.close(mode: .output) }
        defer {
            alarm.cancel()
            channel.close(promise: nil)
        }
        return try await done.futureResult.get()
    }

    struct Silence: Error {}
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let done: EventLoopPromise<[UInt8]>
    private let enough: Int
    private var bytes: [UInt8] = []

    init(done: EventLoopPromise<[UInt8]>, enough: Int) {
        self.done = done
        self.enough = enough
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.bytes += self.unwrapInboundIn(data).readableBytesView
        if self.bytes.count >= self.enough { self.done.succeed(self.bytes) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { self.done.succeed(self.bytes) }
    }

    func channelInactive(context: ChannelHandlerContext) { self.done.succeed(self.bytes) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.done.succeed(self.bytes) }
}

/// Waits until something holds, for what has no event to wait for.
func eventually(_ holds: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<500 {
        if try await holds() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}
