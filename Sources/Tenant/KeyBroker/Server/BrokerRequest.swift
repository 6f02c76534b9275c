import WireFormat

/// One HTTP request as the broker's logic sees it, free of any server framework.
struct BrokerRequest: Sendable {
    var method: String
    var path: [String]
    var query: [String: String] = [:]
    var authorization: String?
    var cookie: String?
    var body: [UInt8] = []
    /// Who calls, as far as limits count it.
    var address = ClientAddress.local
    /// Whether it came to the listener of administrators.
    var isFromAdminListener = false
    /// SHA-256 of the client's certificate in hexadecimal; empty where clients need none.
    var clientCertificate = ""
    /// Random digits that the answer to a refusal and its audit line share.
    var trace = BrokerRequest.newTrace()

    /// 64 random bits in hexadecimal.
    static func newTrace() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// The cookie that names the session.
    static let cookieName = "kbs-session-id"

    /// The session cookie's value out of a `Cookie` header; nil when absent or oddly formed.
    var sessionCookie: String? {
        guard let cookie else { return nil }
        for part in Array(cookie.utf8).split(separator: UInt8(ascii: ";")) {
            let pair = part.drop { $0 == UInt8(ascii: " ") }.split(separator: UInt8(ascii: "="), maxSplits: 1)
            guard pair.count == 2, pair[0].elementsEqual(Self.cookieName.utf8) else { continue }
            return pair[1].count <= SessionCookie.maximumBytes ? String(decoding: pair[1], as: UTF8.self) : nil
        }
        return nil
    }
}

/// One HTTP response of the broker.
struct BrokerResponse: Sendable {
    var status = 200
    var contentType: String?
    var body: [UInt8] = []
    var cookie: String?
    var retryAfter: Int?
    /// The methods of the path, where the request came with another.
    var allow: String?

    /// Nothing but success.
    static let empty = BrokerResponse()

    /// A JSON body.
    static func json(_ value: JSONValue) -> BrokerResponse {
        BrokerResponse(contentType: "application/json", body: value.canonicalBytes)
    }

    /// A text body.
    static func text(_ text: String, type: String) -> BrokerResponse {
        BrokerResponse(contentType: type, body: Array(text.utf8))
    }

    /// The problem document of section 1.8; today's clients parse exactly `type` and `detail`. `trace_id` leads the
    /// tenant to the line in the audit log that says more.
    static func problem(_ error: BrokerError, trace: String) -> BrokerResponse {
        let body: JSONValue = .object([
            "type": .string("https://github.com/confidential-containers/kbs/errors/\(error.kind.name)"),
            "detail": .string(error.detail), "trace_id": .string(trace),
        ])
        var response = BrokerResponse.json(body)
        response.status = error.status
        response.retryAfter = error.retryAfter
        return response
    }
}
