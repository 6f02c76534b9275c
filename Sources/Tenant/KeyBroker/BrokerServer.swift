import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
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
    private let logger: Logger
    private let executor = BlockingExecutor(threads: 8)

    /// The largest body: 2 MiB, as clients of the protocol expect.
    static let bodyLimit = 2 << 20
    /// The largest head: 128 KiB, so that tokens of large machines fit.
    static let headLimit = 128 << 10
    /// How long a body may take to arrive.
    static let bodyTimeout: Duration = .seconds(15)
    /// How long a connection may be idle.
    static let idleTimeout: TimeAmount = .seconds(60)
    /// How many connections are open at once, fewer where the system allows fewer files; more wait in the kernel's queue.
    static let connectionLimit = 4096

    /// Creates a server; `onListening` learns the port once it is bound.
    public init(
        broker: KeyBroker, configuration: BrokerConfiguration, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.broker = broker
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until the service group shuts down.
    public func run() async throws {
        let upkeep = BrokerUpkeep(broker: broker, logger: logger)
        let application = try application()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await upkeep.run() }
            group.addTask { try await application.run() }
            // The application ends first, at a graceful shutdown or in trouble.
            defer { group.cancelAll() }
            try await group.next()
            try await group.next()
        }
    }

    /// The connections for which there are descriptors.
    private func connections() -> Int {
        let allowed = OpenFiles.raise(forConnections: Self.connectionLimit)
        if allowed < Self.connectionLimit {
            logger.warning("the limit of open files (RLIMIT_NOFILE) allows \(allowed) connections at once")
        }
        return allowed
    }

    private func application() throws -> some ApplicationProtocol {
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: Self.headLimit, maxHeaderListSize: Self.headLimit, maxHeaderFieldCount: 100)
        let http = HTTPServerBuilder.http1(
            configuration: .init(idleTimeout: Self.idleTimeout, httpDecoderConfiguration: decoder))
        return Application(
            responder: CallbackResponder<BrokerRequestContext> { [broker, executor] request, context in
                await Self.answer(request, context.address, broker, executor)
            },
            server: try .tls(http, tlsConfiguration: try tls()),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(connections())),
            onServerRunning: { [onListening] channel in
                if let port = channel.localAddress?.port { await onListening(port) }
            },
            logger: logger)
    }

    private func tls() throws(BrokerError) -> TLSConfiguration {
        let chain = try PrivateFile.readPublic(configuration.certificate, what: "TLS certificate")
        let key = try PrivateFile.read(configuration.certificateKey, what: "TLS key")
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(chain), !certificates.isEmpty,
            let privateKey = try? NIOSSLPrivateKey(bytes: key, format: .pem)
        else { throw BrokerError(.failed, check: "configuration", "the TLS certificate or key cannot be read") }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["http/1.1"]
        return tls
    }

    private static func answer(
        _ request: Request, _ address: ClientAddress, _ broker: KeyBroker, _ executor: BlockingExecutor
    ) async -> Response {
        let start = ContinuousClock.now
        let response: BrokerResponse
        do {
            let body = try await body(of: request)
            var translated = BrokerRequest(
                method: request.method.rawValue,
                path: request.uri.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(
                    String.init))
            for (name, value) in request.uri.queryParameters { translated.query[String(name)] = String(value) }
            translated.authorization = request.headers[.authorization]
            translated.cookie = request.headers[.cookie]
            translated.body = body
            translated.address = address
            response = await withTaskExecutorPreference(executor) { [translated] in
                await broker.respond(to: translated)
            }
        } catch {
            response = .problem(error, trace: BrokerRequest.newTrace())
        }
        let elapsed = start.duration(to: .now).components
        broker.metrics.observe(seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
        return translate(response)
    }

    /// Collects the body within its limits of size and time.
    private static func body(of request: Request) async throws(BrokerError) -> [UInt8] {
        let isChunked = request.headers[.transferEncoding] != nil
        if !isChunked, request.headers[.contentLength].flatMap({ Int($0) }) ?? 0 == 0 { return [] }
        do {
            return try await withThrowingTaskGroup(of: [UInt8].self) { group in
                group.addTask {
                    let buffer = try await request.body.collect(upTo: bodyLimit)
                    return Array(buffer.readableBytesView)
                }
                group.addTask {
                    try await Task.sleep(for: bodyTimeout)
                    throw BrokerError(.malformed, check: "body-timeout", "the body did not arrive in time")
                }
                defer { group.cancelAll() }
                return try await group.next() ?? []
            }
        } catch let error as BrokerError {
            throw error
        } catch is NIOTooManyBytesError {
            throw BrokerError(.tooLarge, check: "body-size", "the body is larger than \(bodyLimit) bytes")
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
