import Crypto
import CryptoExtras
import Envelope
import Foundation
import WireFormat

/// Decides who may administer: a bearer JWT, EdDSA under a pinned key, role `admin`, short-lived.
///
/// There is no mode without credentials; a gate cannot be made without keys.
public struct AdminGate: Sendable {
    private let keys: [Curve25519.Signing.PublicKey]
    private let clock: BrokerClock

    /// The longest time that a credential may still have to live: one hour.
    public static let longestLife: Int64 = 3600
    /// The `aud` that a credential may carry; any other is meant for somebody else.
    public static let audience = "testudo-keybroker"

    /// Creates a gate for the owners of `keys`.
    public init(keys: [Curve25519.Signing.PublicKey], clock: BrokerClock = .system) throws(BrokerError) {
        guard !keys.isEmpty else {
            throw BrokerError(.adminAccess, check: "admin-keys", "no administrator's key is configured")
        }
        self.keys = keys
        self.clock = clock
    }

    /// Reads an Ed25519 public key from a PEM file.
    public static func publicKey(file path: String) throws(BrokerError) -> Curve25519.Signing.PublicKey {
        let text = String(decoding: try PrivateFile.readPublic(path, what: "public key"), as: UTF8.self)
        guard let key = try? Curve25519.Signing.PublicKey(pemRepresentation: text) else {
            throw BrokerError(.failed, check: "configuration", "\(path) is no Ed25519 public key in PEM form")
        }
        return key
    }

    /// Checks the value of an `Authorization` header; answers the administrator's name for the audit log.
    func admit(_ authorization: String?) throws(BrokerError) -> String {
        guard let authorization, let token = BearerToken.value(in: authorization) else {
            throw refusal("admin-token-missing", "an administrator's bearer token is needed")
        }
        let claims: JSONValue
        do {
            claims = try JWS.verify(token, keys: keys.map { .edDSA($0) }).payload
        } catch {
            throw refusal("admin-token", "Cannot verify token with any of the issuers")
        }
        let now = clock.seconds
        guard let expiry = claims["exp"]?.integerValue else { throw refusal("admin-exp", "the token has no exp") }
        guard expiry > now else { throw refusal("admin-exp", "the token has expired") }
        guard expiry - now <= Self.longestLife else {
            throw refusal("admin-exp", "the token lives longer than \(Self.longestLife) seconds")
        }
        for name in ["iat", "nbf"] {
            guard let value = claims[name] else { continue }
            guard let start = value.integerValue, start <= now + 60 else {
                throw refusal("admin-\(name)", "the token is not valid yet")
            }
        }
        if let audience = claims["aud"] {
            guard audience.stringValue == Self.audience else {
                throw refusal("admin-aud", "the token is meant for another service")
            }
        }
        guard let role = claims["role"]?.stringValue else { throw refusal("admin-role", "the token has no role") }
        guard role == "admin" else { throw refusal("admin-role", "Role \(ShownText.cut(role, bytes: 32)) not allowed") }
        return ShownText.cut(claims["sub"]?.stringValue ?? "admin", bytes: 64)
    }

    private func refusal(_ check: String, _ detail: String) -> BrokerError {
        BrokerError(.adminAccess, check: check, detail)
    }
}

/// The `Bearer` scheme of RFC 6750.
enum BearerToken {
    /// The token in a header value; nil when the scheme is another one.
    static func value(in authorization: String) -> String? {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", !parts[1].contains(" ") else { return nil }
        return String(parts[1])
    }
}
