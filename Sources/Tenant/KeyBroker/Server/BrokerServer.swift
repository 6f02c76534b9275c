import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle
import WireFormat

/// The broker behind TLS 1.3 and HTTP/1.1, as a service that ends gracefully.
public struct BrokerServer: Service {
    private let broker: KeyBroker
    private let configuration: BrokerConfiguration
    private let onListening: @Sendable (Int) async -> Void
    private let onAdminListening: @Sendable (Int) async -> Void
    private let logger: Logger
    /// Some may wait for the disk; what takes longer has threads of its own (``FairTurns``).
    private let executor = BlockingExecutor(threads: max(4, ProcessInfo.processInfo.activeProcessorCount))

    /// The largest body: 2 MiB, as clients of the protocol expect.
    static let bodyLimit = 2 << 20
    /// The largest body of a call that needs none, or comes without credentials: 64 KiB.
    static let strangerLimit = 64 << 10
    /// The largest body of an administrator who stores a resource: 16 MiB.
    static let uploadLimit = StoredResource.sizeLimit
    /// The largest head: 128 KiB, so that tokens of large machines fit.
    static let headLimit = 128 << 10
    /// How long clients may take.
    var limits = ExchangeLimits()
    /// How many connections are open at once, fewer where the system allows fewer files; more wait in the kernel's queue.
    static let connectionLimit = 4096
    /// How many of them are administrators', on a listener of their own.
    static let adminConnectionLimit = 64
    /// How many of these one address may have.
    static let adminConnectionsPerAddress = 16

    /// Creates a server; `onListening` and `onAdminListening` learn the ports once they are bound.
    public init(
        broker: KeyBroker, configuration: BrokerConfiguration, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in },
        onAdminListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.broker = broker
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
        self.onAdminListening = onAdminListening
    }

    private enum Part { case listener, upkeep, deadline }

    /// Serves until the service group shuts down: then it accepts nothing more and lets requests in flight end, as long as the
    /// configuration allows.
    public func run() async throws {
        let upkeep = BrokerUpkeep(broker: broker, logger: logger)
        var listeners = [
            (
                try listener(configuration.host, configuration.port, nil, connections(), onListening),
                ListenerPlace(member: "listen", host: configuration.host, port: configuration.port)
            )
        ]
        if let admin = configuration.adminListener {
            listeners.append(
                (
                    try listener(
                        admin.host, admin.port, admin.clientAuthority, Self.adminConnectionLimit, onAdminListening),
                    ListenerPlace(member: "adminListen", host: admin.host, port: admin.port)
                ))
        }
        try await withThrowingTaskGroup(of: Part.self) { group in
            group.addTask {
                try await upkeep.run()
                return .upkeep
            }
            group.addTask { await untilDrained() }
            for (listener, place) in listeners {
                group.addTask {
                    do { try await listener.run() } catch { throw place.explained(error) }
                    return .listener
                }
            }
            defer { group.cancelAll() }
            var open = listeners.count
            while open > 0, let part = try await group.next() {
                switch part {
                case .listener: open -= 1
                case .upkeep: continue
                case .deadline:
                    logger.warning("requests were still in flight after \(configuration.drainSeconds) s")
                    group.cancelAll()
                }
            }
        }
    }

    /// Returns when requests in flight had their time after the start of the shutdown.
    private func untilDrained() async -> Part {
        do {
            try await gracefulShutdown()
            broker.draining.begin()
            try await Task.sleep(for: .seconds(configuration.drainSeconds))
        } catch {
            return .upkeep
        }
        return .deadline
    }

    /// The connections for which there are descriptors.
    private func connections() -> Int {
        let allowed = OpenFiles.raise(forConnections: Self.connectionLimit)
        if allowed < Self.connectionLimit {
            logger.warning("the limit of open files (RLIMIT_NOFILE) allows \(allowed) connections at once")
        }
        return allowed
    }

    private func listener(
        _ host: String, _ port: Int, _ clientAuthority: String?, _ connections: Int,
        _ onListening: @escaping @Sendable (Int) async -> Void
    ) throws -> Application<CallbackResponder<BrokerRequestContext>> {
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: Self.headLimit, maxHeaderListSize: Self.headLimit, maxHeaderFieldCount: 100)
        let http = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ExchangeDeadline(limits)], idleTimeout: limits.idle,
            httpDecoderConfiguration: decoder)
        let contexts = try ListenerTLS.contexts(configuration, clientAuthority: clientAuthority, watch: broker.files)
        let isForAdministrators = clientAuthority != nil
        let perAddress = AddressConnections(
            isForAdministrators
                ? min(configuration.limits.connections, Self.adminConnectionsPerAddress)
                : configuration.limits.connections)
        return Application(
            responder: CallbackResponder<BrokerRequestContext> { [broker] request, context in
                var caller = Caller(address: context.address)
                if isForAdministrators {
                    let certificate = try await context.channel.nioSSL_peerCertificate().get()
                    caller.certificate = try certificate.map { Hex.encode(SHA256.hash(data: try $0.toDERBytes())) }
                }
                return await Self.answer(request, caller, broker)
            },
            server: HTTPServerBuilder { responder in
                ReloadingTLSChannel(
                    base: HTTP1Channel(responder: responder, configuration: http), contexts: contexts,
                    connections: perAddress, executor: executor)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(connections)),
            onServerRunning: { channel in
                if let port = channel.localAddress?.port { await onListening(port) }
            },
            logger: logger)
    }

    /// Who is at the other end of a connection.
    private struct Caller: Sendable {
        let address: ClientAddress
        /// SHA-256 of the certificate, on the listener that demands one.
        var certificate: String?
    }

    private static func answer(_ request: Request, _ caller: Caller, _ broker: KeyBroker) async -> Response {
        let start = ContinuousClock.now
        let response: BrokerResponse
        do {
            var translated = BrokerRequest(
                method: request.method.rawValue,
                path: request.uri.path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                    .dropFirst().map { String(Substring($0)) })
            for (name, value) in request.uri.queryParameters { translated.query[String(name)] = String(value) }
            translated.authorization = request.headers[.authorization]
            translated.cookie = request.headers[.cookie]
            translated.address = caller.address
            translated.isFromAdminListener = caller.certificate != nil
            translated.clientCertificate = caller.certificate ?? ""
            let limit = await broker.bodyLimit(translated)
            translated.body = try await body(of: request, upTo: limit)
            response = await broker.respond(to: translated)
        } catch {
            response = .problem(error, trace: BrokerRequest.newTrace())
        }
        let elapsed = start.duration(to: .now).components
        broker.metrics.observe(seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
        return translate(response)
    }

    /// Collects the body within its limit of size; ``ExchangeDeadline`` ends what takes too long.
    private static func body(of request: Request, upTo limit: Int) async throws(BrokerError) -> [UInt8] {
        let isChunked = request.headers[.transferEncoding] != nil
        if !isChunked, request.headers[.contentLength].flatMap({ Int($0) }) ?? 0 == 0 { return [] }
        do {
            return Array(try await request.body.collect(upTo: limit).readableBytesView)
        } catch is BodyOverdue {
            throw BrokerError(.malformed, check: "body-timeout", "the body did not arrive in time")
        } catch is NIOTooManyBytesError {
            throw BrokerError(.tooLarge, check: "body-size", "the body is larger than \(limit) bytes")
        } catch {
            throw BrokerError(.malformed, check: "body", "the body did not arrive whole")
        }
    }

    private static func translate(_ response: BrokerResponse) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = response.contentType
        headers[.setCookie] = response.cookie
        headers[.cacheControl] = "no-store"
        headers[.xContentTypeOptions] = "nosniff"
        headers[.allow] = response.allow
        if let seconds = response.retryAfter { headers[.retryAfter] = String(seconds) }
        return Response(
            status: .init(code: response.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: response.body)))
    }
}
