/// A request with its whole body.
public struct ExchangeRequest: Sendable {
    /// The method, in capitals.
    public var method: String
    /// Path and query.
    public var path: String
    /// Headers; Host and Content-Length are set by the exchanger.
    public var headers: [(String, String)]
    /// The body.
    public var body: [UInt8]

    /// Creates a request.
    public init(method: String, path: String, headers: [(String, String)] = [], body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// Whether sending it twice does what sending it once does (RFC 9110, section 9.2.2).
    var isIdempotent: Bool { ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(method) }
}

/// The head of an answer.
public struct ExchangeResponseHead: Sendable {
    /// The status code.
    public let status: Int
    /// The headers, in order.
    public let headers: [(String, String)]
    /// The server's certificate in DER, when TLS was spoken.
    public let peerCertificate: [UInt8]?

    /// The first header of that name, in any case.
    public func header(_ name: String) -> String? { firstHeader(name, headers) }
}

/// An answer with its whole body.
public struct ExchangeResponse: Sendable {
    /// The status code.
    public let status: Int
    /// The headers, in order.
    public let headers: [(String, String)]
    /// The body.
    public let body: [UInt8]
    /// The server's certificate in DER, when TLS was spoken.
    public let peerCertificate: [UInt8]?

    /// Creates an answer.
    public init(status: Int, headers: [(String, String)], body: [UInt8], peerCertificate: [UInt8]? = nil) {
        self.status = status
        self.headers = headers
        self.body = body
        self.peerCertificate = peerCertificate
    }

    /// The first header of that name, in any case.
    public func header(_ name: String) -> String? { firstHeader(name, headers) }
}

private func firstHeader(_ name: String, _ headers: [(String, String)]) -> String? {
    let wanted = name.lowercased()
    return headers.first { $0.0.lowercased() == wanted }?.1
}
