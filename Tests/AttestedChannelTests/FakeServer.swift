import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A request as the fake server saw it.
struct SeenRequest: Sendable {
    let head: HTTPRequestHead
    let body: [UInt8]
    /// The number of the connection it came on.
    let connection: Int
}

/// What the fake server answers.
struct FakeAnswer: Sendable {
    var status = 200
    var headers: [(String, String)] = []
    var body: [UInt8] = []
    /// Closes without answering.
    var cutsOff = false
    /// Never answers.
    var isSilent = false
    /// Closes after the answer without having said so.
    var closesAfter = false
}

/// An HTTP/1.1 server on a free loopback port, with or without TLS, that answers as its closure says.
final class FakeServer: Sendable {
    private let channel: any Channel
    private let log: RequestLog

    var port: Int { channel.localAddress?.port ?? 0 }
    var requests: [SeenRequest] { log.requests }
    var connections: Int { log.connections }

    private init(channel: any Channel, log: RequestLog) {
        self.channel = channel
        self.log = log
    }

    static func start(
        tls: NIOSSLContext? = nil, _ answer: @escaping @Sendable (SeenRequest) -> FakeAnswer
    ) async throws -> FakeServer {
        let log = RequestLog()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    let pipeline = child.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(FakeHandler(log: log, number: log.connect(), answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeServer(channel: channel, log: log)
    }

    /// Serves one connection that is there already.
    static func serve(
        socket: NIOBSDSocket.Handle, _ answer: @escaping @Sendable (SeenRequest) -> FakeAnswer
    ) async throws -> FakeServer {
        let log = RequestLog()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    let pipeline = child.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(FakeHandler(log: log, number: log.connect(), answer: answer))
                }
            }
            .withConnectedSocket(socket).get()
        return FakeServer(channel: channel, log: log)
    }

    func stop() async { try? await channel.close() }
}

private final class RequestLog: Sendable {
    private let state = Mutex<(requests: [SeenRequest], connections: Int)>(([], 0))

    var requests: [SeenRequest] { state.withLock { $0.requests } }
    var connections: Int { state.withLock { $0.connections } }

    func connect() -> Int {
        state.withLock {
            $0.connections += 1
            return $0.connections
        }
    }

    func add(_ request: SeenRequest) { state.withLock { $0.requests.append(request) } }
}

private final class FakeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let log: RequestLog
    private let number: Int
    private let answer: @Sendable (SeenRequest) -> FakeAnswer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(log: RequestLog, number: Int, answer: @escaping @Sendable (SeenRequest) -> FakeAnswer) {
        self.log = log
        self.number = number
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let chunk): body.append(contentsOf: chunk.readableBytesView)
        case .end:
            guard let head else { return }
            let request = SeenRequest(head: head, body: body, connection: number)
            log.add(request)
            reply(answer(request), to: head, context)
        }
    }

    private func reply(_ answer: FakeAnswer, to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        if answer.isSilent { return }
        if answer.cutsOff { return context.close(promise: nil) }
        var headers = HTTPHeaders(answer.headers)
        if request.method != .HEAD { headers.replaceOrAdd(name: "Content-Length", value: "\(answer.body.count)") }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if answer.closesAfter { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
