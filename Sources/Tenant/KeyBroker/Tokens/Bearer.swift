import WireFormat

/// Who asks: the owner of an attested session or of a token.
struct Bearer: Sendable {
    /// Where all claims of the token are.
    enum Claims: Sendable {
        /// They came along.
        case known(JSONValue)
        /// They were put aside when the session attested, under the hash of its token.
        ///
        /// - Parameter issued: When the session began, in seconds since 1970.
        case remembered(tokenHash: [UInt8], issued: Int64)
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
        claims = .remembered(tokenHash: session.tokenHash, issued: session.issued)
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
        let cookie = request.sessionCookie
        try await learnKey(ofCookie: cookie)
        if let value = cookie,
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
        var refusal: BrokerError
        do throws(BrokerError) {
            return try tokens.bearer(of: token)
        } catch {
            // Only what none of our keys signed can be another service's.
            guard error.check == "token-signature" else { throw error }
            refusal = error
        }
        if !foreignTokens.isEmpty {
            do throws(BrokerError) {
                return try await foreignTokens.bearer(of: token, now: clock.now)
            } catch {
                refusal = error
            }
        }
        // Another replica may have made the key a moment ago.
        guard sharesSessions, !tokens.knowsKey(of: token) else { throw refusal }
        try await learnKeys()
        guard tokens.knowsKey(of: token) else { throw refusal }
        return try tokens.bearer(of: token)
    }

    /// All claims of the bearer's token.
    func claims(of bearer: Bearer) async throws(BrokerError) -> JSONValue {
        switch bearer.claims {
        case .known(let claims): return claims
        case .remembered(let hash, let issued):
            var payload = try await sessionClaims.payload(tokenHash: hash, now: clock.seconds)
            // The guest attested at another replica, or so long ago that there was no room for it here.
            if payload == nil, sharesSessions {
                payload = try await store.sessionClaims(tokenHash: hash, issued: issued)
            }
            guard let payload, let claims = try? JSONValue.parse(payload) else {
                throw BrokerError(
                    .tokenMissing, check: "session-claims", "the session's claims are not known here; attest again")
            }
            return claims
        }
    }

    /// Puts aside what policies may ask of a session that has only a cookie.
    func remember(_ accepted: Handshake.Accepted) async throws(BrokerError) {
        guard let claims = accepted.claims else { return }
        try await sessionClaims.remember(claims.payload, tokenHash: claims.tokenHash, until: accepted.expires)
    }
}
