import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A server in the test's own process that plays a vendor's publishing service: a test says what each request gets.
public final class FakeVendor: Sendable {
    /// What a request gets.
    public enum Answer: Sendable {
        /// A status, headers and a body.
        case respond(Int, [(String, String)], [UInt8])
        /// The head and then one byte now and then, for ever.
        case drip
        /// The connection is closed without a word.
        case hangUp

        /// A body with status 200.
        public static func found(_ body: [UInt8], _ headers: [(String, String)] = []) -> Answer {
            .respond(200, headers, body)
        }

        /// Status 404.
        public static let absent = Answer.respond(404, [], [])
    }

    /// The port on 127.0.0.1.
    public let port: Int
    /// `http://` or `https://` and the address.
    public let url: String
    private let channel: any Channel
    private let requests = Mutex<[String]>([])
    private let answer: @Sendable (_ target: String, _ count: Int) -> Answer

    /// The targets asked for so far, in order.
    public var targets: [String] { requests.withLock { $0 } }

    /// Starts a server.
    ///
    /// - Parameters:
    ///   - tls: Certificate and key in PEM; nil speaks plain HTTP.
    ///   - answer: The answer by the request's target and by how often that target was asked for before.
    public static func start(
        tls: (certificate: String, key: String)? = nil,
        _ answer: @escaping @Sendable (_ target: String, _ count: Int) -> Answer
    ) async throws -> FakeVendor {
        let context = try tls.map { pem in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(pem.certificate.utf8)).map {
                        .certificate($0)
                    }, privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(pem.key.utf8), format: .pem))))
        }
        let box = Box()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(Handler(box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let vendor = FakeVendor(channel, isTLS: tls != nil, answer)
        box.vendor.withLock { $0 = vendor }
        return vendor
    }

    private init(
        _ channel: any Channel, isTLS: Bool, _ answer: @escaping @Sendable (_ target: String, _ count: Int) -> Answer
    ) {
        self.channel = channel
        self.answer = answer
        port = channel.localAddress?.port ?? 0
        url = "\(isTLS ? "https://localhost" : "http://127.0.0.1"):\(port)"
    }

    /// Stops listening.
    public func stop() async { try? await channel.close() }

    fileprivate func respond(to target: String) -> Answer {
        let count = requests.withLock { requests in
            defer { requests.append(target) }
            return requests.count { $0 == target }
        }
        return answer(target, count)
    }
}

/// Holds the server for the handlers that are made after it.
private final class Box: Sendable {
    let vendor = Mutex<FakeVendor?>(nil)
}

private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let box: Box
    private var target: String?

    init(_ box: Box) { self.box = box }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): target = head.uri
        case .body: break
        case .end:
            guard let target, let vendor = box.vendor.withLock({ $0 }) else { return context.close(promise: nil) }
            switch vendor.respond(to: target) {
            case .hangUp: context.close(promise: nil)
            case .drip: drip(context)
            case .respond(let status, let headers, let body):
                var fields = HTTPHeaders(headers)
                fields.replaceOrAdd(name: "Content-Length", value: "\(body.count)")
                let head = HTTPResponseHead(
                    version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: fields)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }

    private func drip(_ context: ChannelHandlerContext) {
        let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["Content-Length": "100000"])
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(50), delay: .milliseconds(50)) { task in
            let (handler, context) = bound.value
            guard context.channel.isActive else { return task.cancel() }
            context.writeAndFlush(
                handler.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: [0x20])))), promise: nil)
        }
    }
}
