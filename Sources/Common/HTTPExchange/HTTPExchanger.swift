import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Sends requests to one endpoint and takes the answers.
///
/// Copies share one idle connection, which the next exchange uses again; exchanges at the same time get connections of
/// their own. A request that may be repeated is sent once more when a reused connection had died meanwhile.
public struct HTTPExchanger: Sendable {
    /// The endpoint talked to.
    public let endpoint: HTTPEndpoint
    private let dialer: any Dialer
    private let group: any EventLoopGroup
    private let bodyLimit: Int
    private let timeout: TimeAmount
    private let connectTimeout: TimeAmount
    private let shared: SharedConnections

    /// Creates an exchanger; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - endpoint: Where to and whom to trust.
    ///   - dialer: How to get there.
    ///   - eventLoopGroup: Where connections live.
    ///   - maxBody: The longest answer that ``send(_:)`` collects. ``stream(_:_:)`` has no limit.
    ///   - timeoutSeconds: How long the server may be silent in an exchange.
    ///   - connectSeconds: How long connecting and the TLS handshake may take, each.
    public init(
        endpoint: HTTPEndpoint, dialer: any Dialer, eventLoopGroup: any EventLoopGroup, maxBody: Int = 16 * 1024 * 1024,
        timeoutSeconds: Int = 60, connectSeconds: Int = 10
    ) {
        self.endpoint = endpoint
        self.dialer = dialer
        self.group = eventLoopGroup
        self.bodyLimit = maxBody
        self.timeout = .seconds(Int64(timeoutSeconds))
        self.connectTimeout = .seconds(Int64(connectSeconds))
        self.shared = SharedConnections()
    }

    /// Sends a request and collects the answer.
    public func send(_ request: ExchangeRequest) async throws(ExchangeError) -> ExchangeResponse {
        var body: [UInt8] = []
        let limit = bodyLimit
        let head: ExchangeResponseHead
        do {
            head = try await exchange(request) { chunk in
                guard body.count + chunk.readableBytes <= limit else {
                    throw failure(.body, "the answer is longer than \(limit) bytes")
                }
                body.append(contentsOf: chunk.readableBytesView)
            }
        } catch let error as ExchangeError {
            throw error
        } catch {
            throw failure(.body, "\(error)")
        }
        return ExchangeResponse(
            status: head.status, headers: head.headers, body: body, peerCertificate: head.peerCertificate)
    }

    /// Sends a request and passes the answer's body on as it arrives; nothing is read while `onChunk` runs.
    ///
    /// - Returns: The head, once the body is complete.
    /// - Throws: ``ExchangeError``, or what `onChunk` throws.
    public func stream(
        _ request: ExchangeRequest, _ onChunk: (ByteBuffer) async throws -> Void
    ) async throws -> ExchangeResponseHead {
        try await exchange(request, onChunk)
    }

    private func exchange(
        _ request: ExchangeRequest, _ onChunk: (ByteBuffer) async throws -> Void
    ) async throws -> ExchangeResponseHead {
        guard Self.isClean(request) else {
            throw failure(.send, "the request holds characters that HTTP does not allow")
        }
        if let idle = shared.take(evenIfOld: request.isIdempotent) {
            do {
                return try await run(request, on: idle, onChunk)
            } catch let stale as StaleConnection {
                guard request.isIdempotent || !stale.wasSent else { throw failure(.head, stale.reason) }
            }
        }
        let fresh = try await connect()
        do {
            return try await run(request, on: fresh, onChunk)
        } catch let stale as StaleConnection {
            throw failure(stale.wasSent ? .head : .send, stale.reason)
        }
    }

    private func run(
        _ request: ExchangeRequest, on connection: Connection, _ onChunk: (ByteBuffer) async throws -> Void
    ) async throws -> ExchangeResponseHead {
        var isReusable = false
        defer { if !isReusable { connection.close() } }
        let response = try await firstPart(of: request, on: connection)
        while true {
            let part: HTTPClientResponsePart
            do {
                part = try await connection.nextPart(timeout: timeout)
            } catch {
                throw failure(.body, Self.describe(error))
            }
            switch part {
            case .body(let chunk): try await onChunk(chunk)
            case .head: throw failure(.body, "a second head")
            case .end:
                if response.isKeepAlive, await connection.park() {
                    isReusable = true
                    shared.put(connection)
                }
                return ExchangeResponseHead(
                    status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
                    peerCertificate: connection.peerCertificate)
            }
        }
    }

    /// Sends and waits for the head. A connection that dies before any byte of the answer throws ``StaleConnection``.
    private func firstPart(of request: ExchangeRequest, on connection: Connection) async throws -> HTTPResponseHead {
        do {
            guard try await connection.begin(head(of: request), body: request.body) else {
                throw StaleConnection(wasSent: false, reason: "the server closed the connection")
            }
            if case .head(let head) = try await connection.nextPart(timeout: timeout) { return head }
        } catch let error as StaleConnection {
            throw error
        } catch let error as HTTPParserError {
            throw failure(.head, "the answer is not HTTP: \(error)")
        } catch let error as TimeoutReached {
            throw failure(.head, error.description)
        } catch is CancellationError {
            throw failure(.head, "cancelled")
        } catch {
            throw StaleConnection(wasSent: true, reason: Self.describe(error))
        }
        throw failure(.head, "the answer has no head")
    }

    private func head(of request: ExchangeRequest) -> HTTPRequestHead {
        var headers = HTTPHeaders([("Host", endpoint.authority)])
        for (name, value) in request.headers where name.lowercased() != "host" { headers.add(name: name, value: value) }
        if !request.body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method) {
            headers.replaceOrAdd(name: "Content-Length", value: String(request.body.count))
        }
        return HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.path, headers: headers)
    }

    private func connect() async throws(ExchangeError) -> Connection {
        let trust: TrustCheck?
        do {
            trust = try shared.trust(for: endpoint)
        } catch {
            throw failure(.tls, "the certificates or the key are not usable: \(TLSTrouble.words(error))")
        }
        let channel: any Channel
        do {
            channel = try await TimedDial(dialer: dialer, timeout: connectTimeout)
                .dial(host: endpoint.host, port: endpoint.port, on: group.next())
        } catch {
            throw failure(.connect, Self.describe(error))
        }
        do {
            return try await Connection.establish(over: channel, trust: trust, timeout: connectTimeout)
        } catch {
            throw failure(trust == nil ? .connect : .tls, Self.describe(error))
        }
    }

    private func failure(_ phase: ExchangeError.Phase, _ reason: String) -> ExchangeError {
        ExchangeError(host: endpoint.host, port: endpoint.port, phase: phase, reason: reason)
    }

    private static func isClean(_ request: ExchangeRequest) -> Bool {
        request.path.hasPrefix("/") && request.path.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
            && !request.method.isEmpty && request.method.utf8.allSatisfy { (0x41...0x5a).contains($0) }
            && request.headers.allSatisfy { name, value in
                !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x3a }
                    && value.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }
            }
    }

    private static func describe(_ error: any Error) -> String {
        switch error {
        case ChannelError.eof, ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed,
            HTTPParserError.invalidEOFState, is ChannelPipelineError:
            "the server closed the connection"
        case NIOSSLError.handshakeFailed(let inner): TLSTrouble.sentence(inner)
        case NIOSSLError.uncleanShutdown: "the server cut the connection"
        case let error as NIOSSLExtraError where error == .failedToValidateHostname: TLSTrouble.otherName
        case is BoringSSLError: TLSTrouble.sentence(error)
        case ChannelError.connectTimeout: "no connection in time"
        case let error as NIOConnectionError: error.sentence
        default: "\(error)"
        }
    }
}

/// A connection that ended before any byte of the answer.
private struct StaleConnection: Error {
    let wasSent: Bool
    let reason: String
}
