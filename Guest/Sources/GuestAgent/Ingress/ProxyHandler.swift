import NIOCore
import NIOHTTP1

/// What all connections of a pod's ingress share on their event loop.
final class IngressShared {
    let pool: UpstreamPool
    let admission: AdmissionQueue
    let screen: RequestScreen
    let timeout: TimeAmount
    let attestations: AttestationLimit
    /// Answers an attestation request with a JSON document.
    let attest: @Sendable ([UInt8]) async throws -> [UInt8]

    init(
        pool: UpstreamPool, admission: AdmissionQueue, screen: RequestScreen, timeout: TimeAmount,
        attestations: AttestationLimit, attest: @escaping @Sendable ([UInt8]) async throws -> [UInt8]
    ) {
        self.pool = pool
        self.admission = admission
        self.screen = screen
        self.timeout = timeout
        self.attestations = attestations
        self.attest = attest
    }
}

/// Carries the requests of one client connection to the container and the answers back, bodies streamed, with back
/// pressure both ways: the client is read only while the container takes data, and the other way round.
final class ProxyHandler: ChannelDuplexHandler, UpstreamObserver {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let shared: IngressShared
    private let serverName: String?
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var readHeld = false

    init(shared: IngressShared, serverName: String?) {
        self.shared = shared
        self.serverName = serverName
    }

    /// One request and its answer.
    private final class Exchange {
        let client: HTTPRequestHead
        var forwarded: HTTPRequestHead?
        var buffered: [HTTPServerRequestPart] = []
        var requestEnded: Bool
        var responseStarted = false
        var closeAfter = false
        var answeredHere = false
        var admitted = false
        var retried = false
        var upstream: UpstreamConnection?
        var timer: Scheduled<Void>?

        init(_ client: HTTPRequestHead) {
            self.client = client
            // Nothing follows such a head but its end, so the connection stays usable after an early answer.
            requestEnded = !client.headers.contains(name: "content-length") && !RequestScreen.isChunked(client)
        }
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    // MARK: from the client

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(let body): pass(.body(body))
        case .end(let trailers):
            exchange?.requestEnded = true
            pass(.end(trailers))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.upstream?.flush()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if let exchange, !exchange.answeredHere, !(exchange.upstream?.isWritable ?? false) {
            readHeld = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { exchange?.upstream?.resumeReading() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client that keeps its connection without using it gives way to others.
        if event is IdleStateHandler.IdleStateEvent, exchange == nil { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        abandon()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let exchange = Exchange(head)
        self.exchange = exchange
        switch shared.screen.judge(head, serverName: serverName) {
        case .answer(let status, let text): answer(status, text: text)
        case .attest(let nonce): answerEvidence(nonce, exchange, context)
        case .forward(let forwarded):
            exchange.forwarded = forwarded
            if head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" }) {
                context.writeAndFlush(
                    wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
            }
            exchange.timer = context.eventLoop.assumeIsolated().scheduleTask(in: shared.timeout) {
                guard self.exchange === exchange else { return }
                self.fail(.gatewayTimeout, "the container did not answer in time")
            }
            let isIn = shared.admission.enter {
                // The client may have gone while it waited.
                guard self.exchange === exchange else { return self.shared.admission.leave() }
                exchange.admitted = true
                self.connect(exchange, fresh: false)
            }
            if !isIn { answer(.serviceUnavailable, text: "too many requests are waiting") }
        }
    }

    private func answerEvidence(_ nonce: [UInt8], _ exchange: Exchange, _ context: ChannelHandlerContext) {
        guard shared.attestations.enter() else {
            return answer(
                .serviceUnavailable, text: "too many requests for evidence; try again",
                retryAfter: AttestationLimit.retryAfter)
        }
        exchange.answeredHere = true
        let attest = shared.attest
        context.eventLoop.makeFutureWithTask { try await attest(nonce) }.assumeIsolated().whenComplete { result in
            // The place is taken until the device is done, whether or not the client still waits.
            self.shared.attestations.leave()
            guard self.exchange === exchange else { return }
            switch result {
            case .success(let document): self.answer(.ok, document, type: "application/json")
            case .failure: self.answer(.serviceUnavailable, text: "evidence cannot be given now")
            }
        }
    }

    private func connect(_ exchange: Exchange, fresh: Bool) {
        shared.pool.acquire(fresh: fresh) { result in
            guard self.exchange === exchange else {
                if case .success(let connection) = result { self.shared.pool.release(connection) }
                return
            }
            switch result {
            case .failure: self.fail(.serviceUnavailable, "the container accepts no connection")
            case .success(let connection):
                exchange.upstream = connection
                connection.observer = self
                if let head = exchange.forwarded { connection.send(.head(head)) }
                for part in exchange.buffered { self.send(part, to: connection) }
                connection.flush()
                self.resumeReading()
            }
        }
    }

    private func pass(_ part: HTTPServerRequestPart) {
        guard let exchange, !exchange.answeredHere else { return }
        if exchange.upstream == nil || canRetry(exchange) { exchange.buffered.append(part) }
        if let upstream = exchange.upstream {
            send(part, to: upstream)
            if case .end = part { upstream.flush() }
        }
    }

    private func send(_ part: HTTPServerRequestPart, to upstream: UpstreamConnection) {
        switch part {
        case .head: break
        case .body(let body): upstream.send(.body(.byteBuffer(body)))
        case .end(let trailers): upstream.send(.end(trailers))
        }
    }

    /// A request without a body may be sent again when a kept connection turns out to be dead.
    private func canRetry(_ exchange: Exchange) -> Bool {
        let safe = exchange.client.method == .GET || exchange.client.method == .HEAD
        return safe && !exchange.retried && !exchange.responseStarted && exchange.upstream?.isReused == true
            && !exchange.client.headers.contains(name: "content-length") && !RequestScreen.isChunked(exchange.client)
    }

    private func resumeReading() {
        guard readHeld else { return }
        readHeld = false
        context?.read()
    }

    // MARK: from the container

    var takesMore: Bool { context?.channel.isWritable ?? false }

    func upstreamSent(_ head: HTTPResponseHead) {
        guard let exchange else { return }
        let (result, close) = ForwardedHeaders.response(head, method: exchange.client.method, client: exchange.client)
        exchange.responseStarted = true
        exchange.closeAfter = close
        context?.write(wrapOutboundOut(.head(result)), promise: nil)
    }

    func upstreamSent(_ body: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }

    func upstreamEnded(trailers: HTTPHeaders?) {
        guard let exchange else { return }
        let upstream = exchange.upstream
        exchange.upstream = nil
        if let upstream {
            if exchange.requestEnded {
                shared.pool.release(upstream)
            } else {
                // The rest of the request has no reader any more.
                upstream.observer = nil
                upstream.close()
            }
        }
        finish(exchange, trailers: trailers)
    }

    func upstreamClosed() {
        guard let exchange else { return }
        let mayRetry = canRetry(exchange)
        exchange.upstream?.observer = nil
        exchange.upstream = nil
        if mayRetry {
            exchange.retried = true
            return connect(exchange, fresh: true)
        }
        fail(.badGateway, "the container closed the connection")
    }

    func upstreamWritabilityChanged() {
        if exchange?.upstream?.isWritable ?? false { resumeReading() }
    }

    // MARK: ends

    private func finish(_ exchange: Exchange, trailers: HTTPHeaders?) {
        let close = exchange.closeAfter || !exchange.requestEnded
        leave(exchange)
        guard let context else { return }
        if close {
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenComplete { _ in self.context?.close(promise: nil) }
            context.writeAndFlush(wrapOutboundOut(.end(trailers)), promise: promise)
        } else {
            context.writeAndFlush(wrapOutboundOut(.end(trailers)), promise: nil)
            resumeReading()
        }
    }

    private func answer(_ status: HTTPResponseStatus, text: String, retryAfter: Int? = nil) {
        answer(status, Array((text + "\n").utf8), type: "text/plain; charset=utf-8", retryAfter: retryAfter)
    }

    private func answer(_ status: HTTPResponseStatus, _ body: [UInt8], type: String, retryAfter: Int? = nil) {
        guard let context, let exchange else { return }
        exchange.answeredHere = true
        exchange.closeAfter = !exchange.client.isKeepAlive
        var head = HTTPResponseHead(version: .http1_1, status: status)
        head.headers.add(name: "content-type", value: type)
        head.headers.add(name: "content-length", value: String(body.count))
        head.headers.add(name: "cache-control", value: "no-store")
        if let retryAfter { head.headers.add(name: "retry-after", value: String(retryAfter)) }
        if exchange.closeAfter || !exchange.requestEnded { head.headers.add(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if exchange.client.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        }
        finish(exchange, trailers: nil)
    }

    /// Ends the exchange with an error: as an answer if none has begun, else by closing the connection.
    private func fail(_ status: HTTPResponseStatus, _ text: String) {
        guard let exchange else { return }
        exchange.upstream?.observer = nil
        exchange.upstream?.close()
        exchange.upstream = nil
        if exchange.responseStarted {
            leave(exchange)
            context?.close(promise: nil)
        } else {
            answer(status, text: text)
        }
    }

    private func abandon() {
        guard let exchange else { return }
        exchange.upstream?.observer = nil
        exchange.upstream?.close()
        leave(exchange)
    }

    private func leave(_ exchange: Exchange) {
        exchange.timer?.cancel()
        exchange.timer = nil
        if exchange.admitted { shared.admission.leave() }
        exchange.admitted = false
        self.exchange = nil
    }
}
