import WireFormat

/// One HTTP request as the broker's logic sees it, free of any server framework.
struct BrokerRequest: Sendable {
    var method: String
    var path: [String]
    var query: [String: String] = [:]
    var authorization: String?
    var cookie: String?
    var body: [UInt8] = []

    /// The cookie that names the session.
    static let cookieName = "kbs-session-id"

    /// The session cookie's value out of a `Cookie` header; nil when absent or oddly formed.
    var sessionCookie: String? {
        guard let cookie else { return nil }
        for part in cookie.split(separator: ";") {
            let pair = part.trimmingPrefix(" ").split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0] == Self.cookieName else { continue }
            let value = String(pair[1])
            return value.utf8.count == 32 ? value : nil
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

    /// The problem document of section 1.8; today's clients parse exactly `type` and `detail`.
    static func problem(_ error: BrokerError) -> BrokerResponse {
        let body: JSONValue = .object([
            "type": .string("https://github.com/confidential-containers/kbs/errors/\(error.kind.rawValue)"),
            "detail": .string(error.detail),
        ])
        var response = BrokerResponse.json(body)
        response.status = error.status
        switch error.kind {
        case .busy: response.retryAfter = 5
        case .unavailable: response.retryAfter = 1
        default: break
        }
        return response
    }
}
