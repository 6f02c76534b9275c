import Envelope
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SealedStorage
import Synchronization

typealias EtcdTransport = HTTP2ClientTransport.Posix

/// Why a call failed, as far as the store must tell cases apart.
enum EtcdError: Error {
    /// The revision that was asked for is compacted away: start again with a newer one.
    case compacted
    /// No member answered; something may have been done.
    case lost(String)
    /// etcd said no.
    case refused(StoreFailure)
}

/// Calls one member of the cluster after another until one answers.
///
/// Each call here may be repeated: reads are harmless, and a transaction names the state that it changes.
final class EtcdClient: Sendable {
    private struct Member: Sendable {
        let name: String
        let client: GRPCClient<EtcdTransport>
        let connections: Task<Void, Never>
    }

    private let configuration: EtcdConfiguration
    private let current: Mutex<[Member]>
    /// The member that answered last.
    private let preferred = Mutex(0)
    private let token = Mutex<String?>(nil)

    /// The most bytes of a message in either direction.
    static let messageLimit = 40 << 20

    init(_ configuration: EtcdConfiguration) throws(StoreFailure) {
        self.configuration = configuration
        let members = try Self.members(configuration)
        current = Mutex(members)
        preferred.withLock { $0 = Int.random(in: 0..<members.count) }
    }

    private var members: [Member] { current.withLock { $0 } }

    /// Connects anew, with what the certificate files hold now.
    func reload() throws(StoreFailure) {
        let newer = try Self.members(configuration)
        let older = current.withLock { members in
            defer { members = newer }
            return members
        }
        for member in older { member.client.beginGracefulShutdown() }
    }

    private static func members(_ configuration: EtcdConfiguration) throws(StoreFailure) -> [Member] {
        var members: [Member] = []
        for endpoint in try configuration.checkedEndpoints() {
            do {
                let client = GRPCClient(transport: try transport(endpoint, configuration))
                members.append(
                    Member(
                        name: endpoint.name, client: client,
                        connections: Task { try? await client.runConnections() }))
            } catch {
                for member in members { member.connections.cancel() }
                throw StoreFailure(
                    .failed, "etcd cannot be used: its certificate files cannot be read or do not belong together")
            }
        }
        return members
    }

    deinit { for member in members { member.connections.cancel() } }

    private static func transport(
        _ endpoint: EtcdConfiguration.Endpoint, _ configuration: EtcdConfiguration
    ) throws -> EtcdTransport {
        var security = EtcdTransport.TransportSecurity.plaintext
        if endpoint.isTLS, let authorities = configuration.authorities {
            security = .tls { tls in
                tls.trustRoots = .certificates([.file(path: authorities, format: .pem)])
                tls.serverCertificateVerification = .fullVerification
                if let certificate = configuration.certificate, let key = configuration.key {
                    tls.certificateChain = [.file(path: certificate, format: .pem)]
                    tls.privateKey = .file(path: key, format: .pem)
                }
            }
        }
        let config = EtcdTransport.Config.defaults { config in
            config.backoff = .init(
                initial: .milliseconds(100), max: .seconds(1), multiplier: 1.6, jitter: 0.2)
            config.connection.keepalive = .init(time: .seconds(10), timeout: .seconds(5), allowWithoutCalls: false)
        }
        let digitsAndDots = endpoint.host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
        if digitsAndDots {
            return try EtcdTransport(
                target: .ipv4(address: endpoint.host, port: endpoint.port), transportSecurity: security, config: config)
        }
        if endpoint.host.contains(":") {
            return try EtcdTransport(
                target: .ipv6(address: endpoint.host, port: endpoint.port), transportSecurity: security, config: config)
        }
        return try EtcdTransport(
            target: .dns(host: endpoint.host, port: endpoint.port), transportSecurity: security, config: config)
    }

    func shutdown() {
        for member in members {
            member.client.beginGracefulShutdown()
            member.connections.cancel()
        }
    }

    func range(_ request: Etcdserverpb_RangeRequest) async throws(EtcdError) -> Etcdserverpb_RangeResponse {
        try await call { client, metadata, options in
            try await Etcdserverpb_KV.Client(wrapping: client).range(request, metadata: metadata, options: options)
        }
    }

    func transact(_ request: Etcdserverpb_TxnRequest) async throws(EtcdError) -> Etcdserverpb_TxnResponse {
        try await call { client, metadata, options in
            try await Etcdserverpb_KV.Client(wrapping: client).txn(request, metadata: metadata, options: options)
        }
    }

    func put(_ request: Etcdserverpb_PutRequest) async throws(EtcdError) {
        _ = try await call { client, metadata, options in
            try await Etcdserverpb_KV.Client(wrapping: client).put(request, metadata: metadata, options: options)
        }
    }

    func delete(_ request: Etcdserverpb_DeleteRangeRequest) async throws(EtcdError) {
        _ = try await call { client, metadata, options in
            try await Etcdserverpb_KV.Client(wrapping: client).deleteRange(
                request, metadata: metadata, options: options)
        }
    }

    private typealias Call<R> = @Sendable (GRPCClient<EtcdTransport>, Metadata, CallOptions) async throws -> R

    private func call<R: Sendable>(_ body: @escaping Call<R>) async throws(EtcdError) -> R {
        let end = ContinuousClock.now + configuration.totalTimeout
        var last = "nothing was tried"
        var attempt = 0
        while true {
            let members = members
            let place = preferred.withLock { $0 }
            let member = members[place]
            do {
                let answer = try await body(
                    member.client, try await metadata(member, until: end), options(until: end))
                return answer
            } catch let error as RPCError {
                switch Self.verdict(error) {
                case .refused(let failure): throw .refused(failure)
                case .compacted: throw .compacted
                case .authenticate: token.withLock { $0 = nil }
                case .again: preferred.withLock { if $0 == place { $0 = (place + 1) % members.count } }
                }
                last = "\(member.name): \(error.code): \(error.message)"
            } catch {
                if Task.isCancelled { throw .lost("the call was cancelled") }
                preferred.withLock { if $0 == place { $0 = (place + 1) % members.count } }
                last = "\(member.name) failed"
            }
            attempt += 1
            guard ContinuousClock.now < end, !Task.isCancelled else { throw .lost(last) }
            // A round over all members without an answer is most likely an election.
            let pause = attempt % members.count == 0 ? Int.random(in: 50...150) : Int.random(in: 1...10)
            try? await Task.sleep(for: .milliseconds(pause))
        }
    }

    private func options(until end: ContinuousClock.Instant) -> CallOptions {
        var options = CallOptions.defaults
        options.timeout = max(.milliseconds(100), min(configuration.callTimeout, end - .now))
        options.waitForReady = false
        // The transport bounds what it receives by the limit of requests.
        options.maxRequestMessageBytes = Self.messageLimit
        options.maxResponseMessageBytes = Self.messageLimit
        return options
    }

    private func metadata(_ member: Member, until end: ContinuousClock.Instant) async throws -> Metadata {
        guard let user = configuration.user, let password = configuration.password else { return [:] }
        if let token = token.withLock({ $0 }) { return ["token": "\(token)"] }
        var request = Etcdserverpb_AuthenticateRequest()
        request.name = user
        request.password = String(decoding: password.copyBytes(), as: UTF8.self)
        let made = try await Etcdserverpb_Auth.Client(wrapping: member.client)
            .authenticate(request, options: options(until: end)).token
        token.withLock { $0 = made }
        return ["token": "\(made)"]
    }

    private enum Verdict {
        case refused(StoreFailure)
        case compacted
        case authenticate
        case again
    }

    /// What an error of etcd asks for; its words are those of `api/v3rpc/rpctypes/error.go`.
    private static func verdict(_ error: RPCError) -> Verdict {
        switch error.code {
        case .outOfRange where error.message.contains("compacted"): return .compacted
        case .resourceExhausted where error.message.contains("database space exceeded"):
            return .refused(
                StoreFailure(
                    .full,
                    "etcd has no space left: compact and defragment it, or give it a larger quota, then disarm its alarm"
                ))
        case .unauthenticated: return .authenticate
        case .invalidArgument where error.message.contains("revision of auth store is old"): return .authenticate
        case .invalidArgument where error.message.contains("authentication failed"):
            return .refused(StoreFailure(.failed, "etcd refuses the user's password"))
        case .permissionDenied:
            return .refused(
                StoreFailure(.failed, "etcd refuses this user: give it read and write on the store's prefix"))
        case .invalidArgument, .failedPrecondition, .notFound, .unimplemented, .dataLoss:
            return .refused(StoreFailure(.failed, "etcd refused a request: \(error.message)"))
        case .resourceExhausted where !error.message.contains("too many requests"):
            return .refused(StoreFailure(.limit, "etcd refused a request: \(error.message)"))
        default: return .again
        }
    }
}
