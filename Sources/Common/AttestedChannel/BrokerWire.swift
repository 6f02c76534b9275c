import HTTPExchange
import WireFormat

/// The requests of the KBS protocol, version 0.4.0, one by one; no state and no decisions about repeating.
struct BrokerWire: Sendable {
    static let version = "0.4.0"
    let exchanger: HTTPExchanger

    /// What the broker wants evidence to cover, and the cookie that names the handshake.
    struct Challenge: Sendable {
        let nonce: String
        let cookie: String
    }

    func challenge(technology: String) async throws(BrokerFailure) -> Challenge {
        let body: JSONValue = ["version": .string(Self.version), "tee": .string(technology), "extra-params": ""]
        let response = try await send("POST", "/kbs/v0/auth", body: body)
        guard response.status == 200 else { throw refusal("auth", response) }
        guard let nonce = (try? JSONValue.parse(response.body))?["nonce"]?.stringValue, (16...256).contains(nonce.count)
        else {
            throw BrokerFailure(.badAnswer, "auth: no nonce")
        }
        guard let cookie = Self.cookie(response) else { throw BrokerFailure(.badAnswer, "auth: no session cookie") }
        return Challenge(nonce: nonce, cookie: cookie)
    }

    /// Hands evidence in; the token in return.
    func attest(
        _ challenge: Challenge, teePublicKey: JSONValue, initData: String, evidence: CollectedEvidence
    ) async throws(BrokerFailure) -> String {
        let body: JSONValue = [
            "init-data": ["format": "toml", "body": .string(initData)],
            "runtime-data": ["nonce": .string(challenge.nonce), "tee-pubkey": teePublicKey],
            "tee-evidence": [
                "primary_evidence": evidence.primary, "additional_evidence": .string(evidence.additional),
            ],
        ]
        let response = try await send("POST", "/kbs/v0/attest", cookie: challenge.cookie, body: body)
        guard response.status == 200 else { throw refusal("attest", response) }
        guard let token = (try? JSONValue.parse(response.body))?["token"]?.stringValue else {
            throw BrokerFailure(.badAnswer, "attest: no token")
        }
        return token
    }

    /// An authorised request; the caller judges the status.
    func authorised(
        _ method: String, _ path: String, token: String, body: JSONValue? = nil
    ) async throws(BrokerFailure) -> ExchangeResponse {
        try await send(method, path, token: token, body: body)
    }

    /// The failure that an answer other than 200 stands for.
    func refusal(_ what: String, _ response: ExchangeResponse) -> BrokerFailure {
        let detail = (try? JSONValue.parse(response.body))?["detail"]?.stringValue ?? "no detail"
        switch response.status {
        case 401, 403: return BrokerFailure(.denied, "\(what): \(detail)")
        case 404: return BrokerFailure(.notFound, "\(what): \(detail)")
        // Too many calls: the broker is there and says when to come back.
        case 429, 500...599: return BrokerFailure(.unreachable, "\(what): status \(response.status): \(detail)")
        default: return BrokerFailure(.badAnswer, "\(what): status \(response.status): \(detail)")
        }
    }

    private func send(
        _ method: String, _ path: String, cookie: String? = nil, token: String? = nil, body: JSONValue? = nil
    ) async throws(BrokerFailure) -> ExchangeResponse {
        var headers: [(String, String)] = []
        if let cookie { headers.append(("Cookie", "kbs-session-id=\(cookie)")) }
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if body != nil { headers.append(("Content-Type", "application/json")) }
        do {
            return try await exchanger.send(
                ExchangeRequest(method: method, path: path, headers: headers, body: body?.canonicalBytes ?? []))
        } catch {
            throw BrokerFailure(.unreachable, "\(error)")
        }
    }

    private static func cookie(_ response: ExchangeResponse) -> String? {
        for (name, value) in response.headers where name.lowercased() == "set-cookie" {
            guard value.hasPrefix("kbs-session-id=") else { continue }
            let id = value.dropFirst("kbs-session-id=".count).prefix { $0 != ";" }
            guard (1...4096).contains(id.utf8.count), id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2c })
            else {
                return nil
            }
            return String(id)
        }
        return nil
    }
}
