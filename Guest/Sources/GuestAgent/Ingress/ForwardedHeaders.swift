import NIOHTTP1

/// Header rules of a reverse proxy: what concerns one connection only is not handed on (RFC 9110, 7.6.1).
enum ForwardedHeaders {
    private static let hopByHop = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]
    private static let endToEnd = ["content-length", "host"]
    private static let claims = [
        "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip",
    ]

    /// The head that the container gets.
    static func request(_ head: HTTPRequestHead, path: String, host: String, secure: Bool) -> HTTPRequestHead {
        var result = HTTPRequestHead(version: .http1_1, method: head.method, uri: path, headers: head.headers)
        let chunked = RequestScreen.isChunked(head)
        removeHopByHop(&result.headers)
        result.headers.remove(name: "expect")
        let sender = secure ? nil : result.headers.first(name: "x-forwarded-for")
        for name in claims { result.headers.remove(name: name) }
        if result.headers["host"].isEmpty { result.headers.add(name: "host", value: host) }
        result.headers.add(name: "x-forwarded-proto", value: secure ? "https" : "http")
        result.headers.add(name: "x-forwarded-host", value: host)
        // Behind a gateway that splices TLS the client's address is not known; without TLS the gateway states it.
        result.headers.add(name: "x-forwarded-for", value: sender ?? "unknown")
        if chunked { result.headers.add(name: "transfer-encoding", value: "chunked") }
        return result
    }

    /// The head that the client gets. `close` is true when the connection cannot be used again.
    static func response(
        _ head: HTTPResponseHead, method: HTTPMethod, client: HTTPRequestHead
    ) -> (head: HTTPResponseHead, close: Bool) {
        var result = HTTPResponseHead(version: .http1_1, status: head.status, headers: head.headers)
        removeHopByHop(&result.headers)
        var close = !client.isKeepAlive
        let bodiless = method == .HEAD || head.status == .noContent || head.status == .notModified
        if !bodiless && !result.headers.contains(name: "content-length") {
            if client.version.minor >= 1 {
                result.headers.add(name: "transfer-encoding", value: "chunked")
            } else {
                close = true
            }
        }
        if close { result.headers.add(name: "connection", value: "close") }
        return (result, close)
    }

    private static func removeHopByHop(_ headers: inout HTTPHeaders) {
        // Nobody names the framing of a message away: the bytes of its body would be read as the next request.
        for named in headers[canonicalForm: "connection"] where !endToEnd.contains(named.lowercased()) {
            headers.remove(name: String(named))
        }
        for name in hopByHop { headers.remove(name: name) }
    }
}
