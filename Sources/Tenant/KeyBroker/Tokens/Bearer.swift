import Crypto
import WireFormat

/// Who asks: the owner of an attested session or of a token.
struct Bearer: Sendable {
    /// Where all claims of the token are.
    enum Claims: Sendable {
        /// They came along.
        case known(JSONValue)
        /// They were put aside when the session attested, under the hash of its token.
        case remembered(tokenHash: [UInt8])
    }

    /// The guest, when this broker appraised its evidence.
    let guest: AttestedGuest?
    /// The key to which resources are encrypted.
    let encryptionKey: JSONValue
    /// Who issued the token; empty for sessions.
    let issuer: String
    let claims: Claims

    /// The owner of an attested session.
    init(_ session: SessionCookie.Attested) {
        guest = session.guest
        encryptionKey = session.guest.encryptionKey
        issuer = ""
        claims = .remembered(tokenHash: session.tokenHash)
    }

    /// The owner of a token.
    init(_ token: BearerClaims) {
        guest = token.guest
        encryptionKey = token.encryptionKey
        issuer = token.issuer
        claims = .known(token.claims)
    }
}

extension KeyBroker {
    /// The session of the cookie if it is attested, else the bearer of a token of ours or of a service trusted here.
    func bearer(_ request: BrokerRequest) async throws(BrokerError) -> Bearer {
        if let value = request.sessionCookie,
            case .attested(let session) = SessionCookie(opening: value, cookies, now: clock.seconds)
        {
            try revocations.check(session.guest, issued: session.issued)
            return Bearer(session)
        }
        guard let authorization = request.authorization, let token = BearerToken.value(in: authorization) else {
            throw BrokerError(.tokenMissing, check: "token", "neither an attested session nor a token came along")
        }
        let bearer = try await bearer(ofToken: token)
        if let guest = bearer.guest {
            try revocations.check(guest, issued: bearer.claims["iat"]?.integerValue ?? 0)
        } else {
            // What another service vouches for may rest on the hardware that was revoked here.
            try revocations.checkHardware(issued: bearer.claims["iat"]?.integerValue ?? 0)
        }
        return Bearer(bearer)
    }

    /// Checks a token.
    func bearer(ofToken token: String) async throws(BrokerError) -> BearerClaims {
        do throws(BrokerError) {
            return try tokens.bearer(of: token)
        } catch {
            // Only what none of our keys signed can be another service's.
            guard error.check == "token-signature", !foreignTokens.isEmpty else { throw error }
        }
        return try await foreignTokens.bearer(of: token, now: clock.now)
    }

    /// All claims of the bearer's token.
    func claims(of bearer: Bearer) async throws(BrokerError) -> JSONValue {
        switch bearer.claims {
        case .known(let claims): return claims
        case .remembered(let hash):
            let payload = try await sessionClaims.payload(tokenHash: hash, now: clock.seconds)
            guard let payload, let claims = try? JSONValue.parse(payload) else {
                throw BrokerError(
                    .tokenMissing, check: "session-claims", "the session's claims are not known here; attest again")
            }
            return claims
        }
    }

    /// Puts aside what policies may ask of a session that has only a cookie.
    func remember(_ accepted: Handshake.Accepted) async throws(BrokerError) {
        let parts = accepted.token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = try? Base64.decodeURL(String(parts[1]), field: "token") else { return }
        try await sessionClaims.remember(
            payload, tokenHash: Array(SHA256.hash(data: Array(accepted.token.utf8))), until: accepted.expires)
    }
}
