import Foundation
import HTTPExchange
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A relay of the host's between a guest and the tenant's broker: TLS ends here, under a certificate of its own.
///
/// Method, path, headers and body are handed on as they came, and so is the answer; a guest whose manifest names this
/// place does its whole handshake with the tenant's broker without knowing it.
final class BrokerRelay: Sendable {
    /// One request and what the broker answered to it.
    struct Exchange: Sendable {
        let request: ExchangeRequest
        let response: ExchangeResponse
    }

    /// What belongs to one connection and is made anew for the next.
    static let ownHeaders: Set<String> = ["host", "connection", "content-length", "transfer-encoding"]

    private let channel: any Channel
    private let record: Record

    var url: String { "https://127.0.0.1:\(channel.localAddress?.port ?? 0)" }
    /// All exchanges so far, oldest first.
    var exchanges: [Exchange] { record.exchanges.withLock { $0 } }

    private init(channel: any Channel, record: Record) {
        self.channel = channel
        self.record = record
    }

    /// Listens on a free port of the loopback.
    ///
    /// - Parameters:
    ///   - certificate: The file with the relay's certificate.
    ///   - key: The file with its private key.
    ///   - broker: Leads to the tenant's broker.
    static func start(certificate: String, key: String, broker: HTTPExchanger) async throws -> BrokerRelay {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        configuration.applicationProtocols = ["http/1.1"]
        let tls = try NIOSSLContext(configuration: configuration)
        let record = Record(broker: broker)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    let pipeline = child.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLServerHandler(context: tls))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(RelayHandler(record: record))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return BrokerRelay(channel: channel, record: record)
    }

    func stop() async { try? await channel.close() }

    /// Hands requests on and keeps what was said.
    fileprivate final class Record: Sendable {
        let exchanges = Mutex<[Exchange]>([])
        private let broker: HTTPExchanger

        init(broker: HTTPExchanger) { self.broker = broker }

        func forward(_ request: ExchangeRequest) async throws -> ExchangeResponse {
            let response = try await broker.send(request)
            exchanges.withLock { $0.append(Exchange(request: request, response: response)) }
            return response
        }
    }
}

/// One connection of a guest.
private final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let record: BrokerRelay.Record
    private var request: ExchangeRequest?

    init(record: BrokerRelay.Record) { self.record = record }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            let headers = head.headers.filter { !BrokerRelay.ownHeaders.contains($0.name.lowercased()) }
            request = ExchangeRequest(
                method: head.method.rawValue, path: head.uri, headers: headers.map { ($0.name, $0.value) })
        case .body(let chunk): request?.body.append(contentsOf: chunk.readableBytesView)
        case .end:
            guard let request else { return }
            self.request = nil
            context.eventLoop.makeFutureWithTask { [record] in try await record.forward(request) }
                .assumeIsolated().whenComplete { self.answer($0, context) }
        }
    }

    private func answer(_ result: Result<ExchangeResponse, any Error>, _ context: ChannelHandlerContext) {
        guard case .success(let response) = result else { return context.close(promise: nil) }
        var headers = HTTPHeaders(
            response.headers.filter { !BrokerRelay.ownHeaders.contains($0.0.lowercased()) })
        headers.add(name: "Content-Length", value: "\(response.body.count)")
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: response.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
