import Crypto
import Envelope
import HTTPExchange
import WireFormat

/// What one handshake brought: a token, and the key that answers are encrypted to.
struct BrokerSession: Sendable {
    /// The compact token. A credential: never logged, never handed on (rule R10).
    let token: String
    /// The private half of the key in the evidence.
    let key: P256.KeyAgreement.PrivateKey
    /// When to renew, on this machine's own clock: after two thirds of the token's life.
    let renewal: ContinuousClock.Instant

    /// Takes in a token that was issued just now.
    ///
    /// The life is the difference of the token's own times, so that this machine's idea of the date does not matter.
    init(token: String, key: P256.KeyAgreement.PrivateKey, now: ContinuousClock.Instant) throws(BrokerFailure) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3,
            let payload = try? Base64.decodeURL(String(parts[1]), field: "token"),
            let claims = try? JSONValue.parse(payload),
            let issued = claims["iat"]?.integerValue, let expires = claims["exp"]?.integerValue,
            // Of times since 1970 the difference is always a number.
            issued >= 0, expires > issued
        else { throw BrokerFailure(.badAnswer, "attest: the token is not a token") }
        self.token = token
        self.key = key
        self.renewal = now + .seconds(min(expires - issued, 86_400)) * 2 / 3
    }
}

/// The key of one handshake as the broker wants it.
enum HandshakeKey {
    static func publicJSON(_ key: P256.KeyAgreement.PrivateKey) -> JSONValue {
        let point = Array(key.publicKey.x963Representation)
        return [
            "alg": "ECDH-ES+A256KW", "crv": "P-256", "kty": "EC",
            "x": .string(Base64.encodeURL(Array(point[1..<33]))), "y": .string(Base64.encodeURL(Array(point[33...]))),
        ]
    }
}
