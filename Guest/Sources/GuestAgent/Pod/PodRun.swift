import AgentProtocol
import AttestedChannel
import Envelope
import Glibc
import HTTPExchange
import ImageFormat
import NIOCore
import NIOPosix
import PodManifest
import Registry
import Synchronization
import WireFormat

/// One start of one pod: attest, get keys, open the image, run the container, let requests in.
final class PodRun: Sendable {
    /// What the agent lends to a run.
    struct Environment: Sendable {
        let clock: AgentClock
        let outbox: EventOutbox
        let dialer: any Dialer
        let loop: any EventLoop
        let device: ReportDevice?
        /// Folder for bundles.
        let state: String
        let runtime: String
        /// Most bytes that an image may unpack to.
        let imageLimit: Int64
        /// Whether what the pod leaves behind outlives the agent and has to be removed.
        let leavesTraces: Bool
    }

    private struct State {
        var containers: [ContainerProcess] = []
        var ingress: Ingress?
        var identity: ServerIdentity?
        var ends: [String] = []
        var readers: [Task<Void, Never>] = []
    }

    let pod: Latch.Pod
    let log: LogStream
    private let environment: Environment
    private let state = Mutex(State())
    private let ends: AsyncStream<String>
    private let endsContinuation: AsyncStream<String>.Continuation
    private let instance: [UInt8]
    private let keys = GuestKeys()

    init(pod: Latch.Pod, environment: Environment) throws {
        self.pod = pod
        self.environment = environment
        instance = SecretBytes(random: 16).copyBytes()
        (ends, endsContinuation) = AsyncStream.makeStream()
        log = LogStream(
            try LogForm(for: pod, instance: instance), outbox: environment.outbox, clock: environment.clock)
    }

    /// The way in, once the application answers.
    var ingress: Ingress? { state.withLock { $0.ingress } }
    /// The TLS identity, for confidential pods.
    var identity: ServerIdentity? { state.withLock { $0.identity } }

    private var manifest: PodManifest { pod.manifest }
    /// Checks HOST_DATA before anything else is done for a pod. The key and instance of this report are used for nothing else.
    static func checkLaunch(_ pod: Latch.Pod, device: ReportDevice) async throws {
        try await device.checkLaunch(
            for: PodIdentity(
                manifest: pod.digest, tlsKey: SHA256Digest(hashing: [UInt8]()),
                instance: [UInt8](repeating: 0, count: 16)))
    }

    /// Does everything up to the application's first sign of life. Throws the first thing that goes wrong.
    func start() async throws {
        guard let container = manifest.containers.first, manifest.containers.count == 1 else {
            throw Failure(.guestFailed, "a pod has exactly one container")
        }
        var broker: BrokerAccess?
        if pod.isConfidential {
            broker = try await attest()
        } else if container.environment.contains(where: { $0.secret != nil || $0.sealed != nil }) {
            throw Failure(.keyReleaseDenied, "only confidential pods get secrets")
        }
        let bundle = environment.state + "/" + manifest.name
        try prepareFolder(bundle)
        let image = try await step(.imageRefused) { try await self.pull(container, broker, into: bundle) }
        phase(.image)
        // Last, so that no secret leaves the broker for an image that is refused.
        var secrets: [String: SecretBytes] = [:]
        if let broker {
            for variable in container.environment {
                do {
                    if let address = variable.secret {
                        secrets[address] = try await broker.secret(address)
                    } else if let text = variable.sealed {
                        // No container starts with the sealed text in place of the secret.
                        secrets[text] = try await broker.unsealed(text)
                    }
                } catch {
                    let failure = Failure(error, fallback: .keyReleaseDenied)
                    throw Failure(failure.kind, "variable \(variable.name): \(failure.reason)")
                }
            }
        }
        let network = try await NetworkNamespace.make(processID: getpid())
        let plan = try plan(container, image, secrets, network, bundle)
        try Container.prepare(plan)
        let process = try ContainerProcess(
            runtime: environment.runtime, root: environment.state + "/runtime", bundle: bundle,
            identifier: plan.identifier)
        phase(.container)
        watch(process)
        guard let port = UInt16(exactly: container.port), port > 0 else { throw Failure(.guestFailed, "bad port") }
        // Generous, since interpreters start slowly under emulation; a container that ends is noticed at once.
        let isReady = await Container.waitUntilReady(port: port, network: network, seconds: 300) {
            self.state.withLock { !$0.ends.isEmpty }
        }
        guard isReady else {
            let reason = state.withLock { $0.ends.first }
            throw Failure(.exited, reason ?? "the application does not listen on port \(port)")
        }
        try await openIngress(port: port, network: network)
        phase(.app)
    }

    /// Waits until the container has ended and says how.
    func waitForEnd() async -> String {
        for await reason in ends { return reason }
        return "the container has ended"
    }

    /// Asks the container to end, and after `grace` seconds makes it.
    func stop(grace: Int) async {
        for process in state.withLock({ $0.containers }) {
            await process.signal(SIGTERM, all: false)
            for _ in 0..<(grace * 20) where state.withLock({ $0.ends.isEmpty }) {
                try? await Task.sleep(for: .milliseconds(50))
            }
            if state.withLock({ $0.ends.isEmpty }) { await process.signal(SIGKILL, all: true) }
        }
        for reader in state.withLock({ $0.readers }) { await reader.value }
    }

    /// Ends the container at once; for a host that is gone.
    func kill() async {
        for process in state.withLock({ $0.containers }) { await process.signal(SIGKILL, all: true) }
    }

    /// Removes the bundle and the runtime's records where they would outlive the agent.
    func cleanUp() {
        guard environment.leavesTraces,
            let folder = try? OpenFile(opening: environment.state, flags: O_RDONLY | O_DIRECTORY)
        else { return }
        for name in [manifest.name, "runtime"] { try? TreeRemoval.remove(name, in: folder.number) }
    }

    // MARK: steps

    private func attest() async throws -> BrokerAccess {
        guard let device = environment.device else { throw Failure(.guestFailed, "there is no report device") }
        let access = try BrokerAccess(
            pod: pod,
            evidence: GuestEvidence(device: device, pod: pod, instance: instance, keys: keys, log: log), keys: keys,
            dialer: environment.dialer, loop: environment.loop)
        try await step(.keyReleaseDenied) { try await access.attest() }
        phase(.attest)
        let (identity, notAfter) = try await step(.keyReleaseDenied) { try await access.serverIdentity() }
        state.withLock { $0.identity = identity }
        phase(.key)
        let log = log
        Task { await access.renew(identity, from: notAfter) { log.add($0, from: .agent) } }
        return access
    }

    private func pull(_ container: PodContainer, _ broker: BrokerAccess?, into bundle: String) async throws
        -> ImageConfig
    {
        let dialer = environment.dialer
        let loop = environment.loop
        let trust: TLSTrust =
            manifest.registry.certificate.isEmpty ? .none : .pinnedCertificate(pem: manifest.registry.certificate)
        let client = RegistryClient(endpoint: try HTTPEndpoint(url: manifest.registry.endpoint, trust: trust)) {
            endpoint in
            HTTPExchanger(endpoint: endpoint, dialer: dialer, eventLoopGroup: loop)
        }
        var key: (@Sendable (String) async throws -> SecretBytes)?
        if let broker { key = { try await broker.secret($0) } }
        let pull = ImagePull(
            registry: client, policy: try SignaturePolicy(optional: manifest.imagePolicy),
            lookaside: try Lookaside.store(manifest.lookaside, dialer: dialer, loop: loop), key: key,
            limit: environment.imageLimit)
        return try await pull.pull(container.image, imageKey: container.imageKey, into: bundle)
    }

    private func prepareFolder(_ bundle: String) throws {
        mkdir(environment.state, 0o700)
        let parent = try OpenFile(opening: environment.state, flags: O_RDONLY | O_DIRECTORY)
        try TreeRemoval.remove(manifest.name, in: parent.number)
        try SystemFailure.checkErrno(mkdir(bundle, 0o700), "make the bundle")
    }

    private func plan(
        _ container: PodContainer, _ image: ImageConfig, _ secrets: [String: SecretBytes],
        _ network: NetworkNamespace, _ bundle: String
    ) throws -> ContainerPlan {
        let root = try OpenFile(opening: bundle + "/rootfs", flags: O_RDONLY | O_DIRECTORY)
        let user = try UserLookup.resolve(container.user.isEmpty ? image.user : container.user, root: root)
        let arguments = ProcessTerms.arguments(command: container.command, args: container.arguments, image: image)
        guard !arguments.isEmpty else { throw Failure(.imageRefused, "neither image nor manifest says what to run") }
        var values: [(name: String, value: String)] = []
        for variable in container.environment {
            guard let address = variable.secret ?? variable.sealed else {
                if let text = variable.value { values.append((variable.name, text)) }
                continue
            }
            guard let secret = secrets[address],
                let text = String(validating: secret.copyBytes(), as: UTF8.self), !text.utf8.contains(0)
            else {
                let name = variable.secret.map { "secret \($0)" } ?? "the sealed secret of \(variable.name)"
                throw Failure(.keyReleaseDenied, "\(name) is no text")
            }
            values.append((variable.name, text))
        }
        // The revision is a property of the pod, so that even this choice is not the host's (rule R18).
        let choices = try NodeChoices(revision: "\(manifest.name)-\(pod.digest.hex.prefix(8))", for: manifest)
        let platform = choices.environment + [(name: "HOSTNAME", value: manifest.name)]
        let folder = container.workingDirectory.isEmpty ? image.workingDirectory : container.workingDirectory
        return ContainerPlan(
            // The state folder's name is the instance's: on a host, instances of one Service must not share a cgroup, and
            // a node that was killed finds what is left by that name.
            identifier: "\(environment.state.split(separator: "/").last ?? "pod")-\(manifest.name)",
            hostname: manifest.name, arguments: arguments,
            environment: ProcessTerms.environment(image: image, manifest: values, platform: platform, home: user.home),
            workingDirectory: folder.isEmpty ? "/" : folder, user: user,
            memoryBytes: Int64(manifest.resources.memoryMiB) << 20, processors: manifest.resources.vcpus,
            openFiles: Self.openFiles(), networkPath: network.path, bundle: bundle)
    }

    /// What containers usually get, unless this process itself may have less.
    private static func openFiles() -> Int64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int64(min(limit.rlim_max, 65536))
    }

    private func watch(_ process: ContainerProcess) {
        let log = log
        let readers = [
            Task { await LineReader.run(process.output) { line in log.add(line, from: .output) } },
            Task { await LineReader.run(process.errors) { line in log.add(line, from: .errors) } },
        ]
        state.withLock { state in
            state.containers.append(process)
            state.readers += readers
        }
        Task {
            let status = try? await process.wait()
            // What the application said last counts most: it is read before its end is told.
            for reader in readers { await reader.value }
            let reason = status?.description ?? "the container is lost"
            self.state.withLock { $0.ends.append(reason) }
            self.endsContinuation.yield(reason)
        }
    }

    private func openIngress(port: UInt16, network: NetworkNamespace) async throws {
        let device = environment.device
        let identity = keys.made.map {
            PodIdentity(
                manifest: pod.digest, tlsKey: CertificateRequest.keyDigest($0.publicKey), instance: instance)
        }
        let ingress = try await Ingress.make(
            Ingress.Settings(
                hostnames: manifest.network.hostnames, port: port, timeoutSeconds: Int64(manifest.timeoutSeconds),
                concurrency: manifest.concurrency),
            network: network, loop: ingressLoop()
        ) { nonce in
            guard let device, let identity else { throw EvidenceFailure("there is no report device") }
            return try await AttestationDocument.make(nonce: nonce, device: device, identity: identity)
        }
        state.withLock { $0.ingress = ingress }
    }

    /// Where clients' TLS ends: for a confidential pod a thread that has made no key yet, so that the ephemeral keys of its
    /// connections come from a pool with the broker's nonce in it (rule R16; see ``Entropy/onFreshThread(_:)``). The
    /// agent's own loop made one for the first connection to the broker.
    private func ingressLoop() -> any EventLoop {
        pod.isConfidential ? MultiThreadedEventLoopGroup(numberOfThreads: 1).next() : environment.loop
    }

    private func phase(_ phase: Phase) {
        environment.outbox.send(.phase(phase, milliseconds: environment.clock.milliseconds))
    }

    private func step<R: Sendable>(_ kind: FailureKind, _ body: () async throws -> R) async throws -> R {
        do { return try await body() } catch { throw Failure(error, fallback: kind) }
    }
}
