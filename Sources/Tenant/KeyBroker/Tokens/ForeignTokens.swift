import Envelope
import Foundation
import WireFormat

/// Checks tokens of other attestation services (passport mode).
///
/// The key comes from what is pinned, never from the token alone, and the algorithm from the key. What such a token may
/// have, policies in Rego decide: there is no guest that this broker appraised.
struct ForeignTokens: Sendable {
    private enum Keys: Sendable {
        case keySet(TrustFile<[(name: String?, key: JWS.Key)]>)
        case certificates(TrustFile<CertificateTrust>)
    }

    private let issuers: [(issuer: ForeignIssuer, keys: Keys)]

    /// How far the clocks of issuer and broker may differ, in seconds: a token may be from that near a future.
    private static let skew: Int64 = 60
    private static let keyLimit = 256

    /// Reads the files that `issuers` name; they are read again when they change.
    init(_ issuers: [ForeignIssuer]) throws(BrokerError) {
        var known: [(issuer: ForeignIssuer, keys: Keys)] = []
        for issuer in issuers {
            let keys: Keys
            switch issuer.trust {
            case .keySet(let path):
                keys = .keySet(
                    try TrustFile(path, what: "key set") { (bytes) throws(BrokerError) in
                        try Self.reading(path) { () throws(WireError) in try Self.keySet(bytes) }
                    })
            case .certificates(let path):
                keys = .certificates(
                    try TrustFile(path, what: "certificates") { (bytes) throws(BrokerError) in
                        try Self.reading(path) { () throws(WireError) in try CertificateTrust(pem: bytes) }
                    })
            }
            known.append((issuer, keys))
        }
        self.issuers = known
    }

    /// Whether any other service is trusted.
    var isEmpty: Bool { issuers.isEmpty }

    /// Checks a token; answers what it says.
    func bearer(of token: String, now: Date) async throws(BrokerError) -> BearerClaims {
        let (header, stated) = try unverified(token)
        guard let name = stated["iss"]?.stringValue else { throw refusal("iss", "the token has no issuer") }
        let candidates = issuers.filter { $0.issuer.issuer == name }
        guard !candidates.isEmpty else { throw refusal("iss", "the token's issuer is not trusted here") }
        var failure: BrokerError?
        for (issuer, keys) in candidates {
            do throws(BrokerError) {
                let claims = try await verified(token, header, keys, now: now)
                return try Self.judge(claims, issuer, now: Int64(now.timeIntervalSince1970))
            } catch {
                failure = error
            }
        }
        throw failure ?? refusal("iss", "the token's issuer is not trusted here")
    }

    private func unverified(_ token: String) throws(BrokerError) -> (header: JSONValue, payload: JSONValue) {
        guard let header = try? JWS.unverifiedHeader(token),
            let middle = token.split(separator: ".", omittingEmptySubsequences: false).dropFirst().first,
            let payload = try? JSONValue.parse(try Base64.decodeURL(String(middle), field: "token"))
        else { throw refusal("form", "the token is no compact signature of JSON") }
        return (header, payload)
    }

    private func verified(
        _ token: String, _ header: JSONValue, _ keys: Keys, now: Date
    ) async throws(BrokerError) -> JSONValue {
        let candidates: [JWS.Key]
        switch keys {
        case .keySet(let file):
            let known = try trusted { () throws(BrokerError) in try file.contents() }
            // A name that the set knows chooses; keys without a name are tried for any token.
            let name = header["kid"]?.stringValue
            let named = known.filter { $0.name != nil && $0.name == name }
            candidates = (named.isEmpty ? known.filter { $0.name == nil || name == nil } : named).map(\.key)
        case .certificates(let file):
            let trust = try trusted { () throws(BrokerError) in try file.contents() }
            do {
                candidates = [try await trust.key(header: header, now: now)]
            } catch {
                throw refusal("signer", "\(error.field) \(error.reason)")
            }
        }
        guard let claims = try? JWS.verify(token, keys: candidates).payload else {
            throw refusal("signature", "the token was signed by no trusted key")
        }
        return claims
    }

    /// Times, audience and key of a token that is genuine.
    private static func judge(
        _ claims: JSONValue, _ issuer: ForeignIssuer, now: Int64
    ) throws(BrokerError) -> BearerClaims {
        guard let expiry = claims["exp"]?.integerValue else { throw refusal("exp", "the token has no exp") }
        guard now < expiry else { throw refusal("exp", "the token has expired") }
        for name in ["nbf", "iat"] {
            guard let value = claims[name] else { continue }
            guard let start = value.integerValue, start >= 0, start <= now + skew else {
                throw refusal(name, "the token is not valid yet")
            }
        }
        let (life, overflows) = expiry.subtractingReportingOverflow(claims["iat"]?.integerValue ?? now)
        guard !overflows, life <= issuer.longestLife else {
            throw refusal("exp", "the token lives longer than \(issuer.longestLife) seconds")
        }
        let audiences = claims["aud"]?.arrayValue ?? claims["aud"].map { [$0] } ?? []
        guard issuer.audience.map({ audiences.contains(.string($0)) }) ?? audiences.isEmpty else {
            throw refusal("aud", "the token is meant for another service")
        }
        guard let key = issuer.places.key(in: claims) else { throw refusal("tee-key", "the token names no TEE key") }
        do {
            try JSONWebKey(parsing: key).requireRecipient()
        } catch {
            throw refusal("tee-key", "the TEE key is of no use: \(error.field) \(error.reason)")
        }
        return BearerClaims(claims: claims, encryptionKey: key, guest: nil, issuer: issuer.issuer)
    }

    /// The keys for signatures in a JWK set, each under its name when it has one.
    static func keySet(_ bytes: [UInt8]) throws(WireError) -> [(name: String?, key: JWS.Key)] {
        guard let list = try JSONValue.parse(bytes)["keys"]?.arrayValue, !list.isEmpty, list.count <= keyLimit else {
            throw WireError(field: "keys", reason: "must be a list of 1 to \(keyLimit) keys")
        }
        var keys: [(name: String?, key: JWS.Key)] = []
        for (index, jwk) in list.enumerated() {
            // Sets of services hold keys for other uses too.
            if let use = jwk["use"]?.stringValue, use != "sig" { continue }
            keys.append((jwk["kid"]?.stringValue, try JWS.Key(jwk: jwk, path: "keys[\(index)]")))
        }
        guard !keys.isEmpty else { throw WireError(field: "keys", reason: "holds no key for signatures") }
        return keys
    }

    private static func reading<R>(_ path: String, _ body: () throws(WireError) -> R) throws(BrokerError) -> R {
        do {
            return try body()
        } catch {
            throw BrokerError(.failed, check: "configuration", "\(path): \(error.field): \(error.reason)")
        }
    }

    /// A file that went bad is the tenant's to know; the caller learns that his token cannot be checked now.
    private func trusted<R>(_ body: () throws(BrokerError) -> R) throws(BrokerError) -> R {
        do {
            return try body()
        } catch {
            throw BrokerError(
                .tokenInvalid, check: "token-trust", "tokens of this issuer cannot be checked now", note: error.detail)
        }
    }

    private func refusal(_ check: String, _ detail: String) -> BrokerError { Self.refusal(check, detail) }

    private static func refusal(_ check: String, _ detail: String) -> BrokerError {
        BrokerError(.tokenInvalid, check: "token-\(check)", detail)
    }
}
