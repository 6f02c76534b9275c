import Crypto
import Envelope
import Synchronization

/// The keys that seal session cookies: one that seals, and the one before it, which opens still.
///
/// With SQLite they are made at each start, so that a cookie is never good for two boots of a broker (R13). Replicas that
/// share a store are given the same keys.
public final class CookieKeys: Sendable {
    /// One key with the name that cookies carry.
    struct Key: Sendable {
        /// Four bytes that tell keys apart; they are derived and say nothing about the key.
        let name: [UInt8]
        private let secret: SymmetricKey

        init(_ secret: SymmetricKey) {
            self.secret = secret
            let mark = HMAC<SHA256>.authenticationCode(for: Array("testudo cookie key name".utf8), using: secret)
            name = Array(Array(mark).prefix(4))
        }

        /// The key of one cookie. Each cookie has its own, so that no number of them can repeat a nonce under one key.
        func derived(_ salt: [UInt8]) -> SymmetricKey {
            let label = Array("testudo cookie".utf8)
            return SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: label + salt, using: secret))
        }
    }

    private let keys: Mutex<(current: Key, previous: Key?)>

    /// Makes a key that nobody else has.
    public init() {
        keys = Mutex((Key(SymmetricKey(size: .bits256)), nil))
    }

    /// Takes keys that replicas share, each of 32 bytes.
    public init(current: SecretBytes, previous: SecretBytes? = nil) throws(BrokerError) {
        let taken = (try Self.key(current), try previous.map { (secret) throws(BrokerError) in try Self.key(secret) })
        keys = Mutex(taken)
    }

    /// Takes keys that replicas share in place of the present ones: cookies under any other key are refused from now on.
    public func replace(current: SecretBytes, previous: SecretBytes?) throws(BrokerError) {
        let taken = (try Self.key(current), try previous.map { (secret) throws(BrokerError) in try Self.key(secret) })
        keys.withLock { $0 = taken }
    }

    private static func key(_ secret: SecretBytes) throws(BrokerError) -> Key {
        guard secret.count == 32 else {
            throw BrokerError(.failed, check: "cookie-key", "a cookie key has 32 bytes")
        }
        return Key(secret.withBytes { SymmetricKey(data: $0) })
    }

    /// The key that seals.
    var current: Key { keys.withLock { $0.current } }

    /// The key of this name; nil when it is neither the current nor the previous one.
    func key(named name: [UInt8]) -> Key? {
        keys.withLock { keys in
            if keys.current.name == name { return keys.current }
            return keys.previous.flatMap { $0.name == name ? $0 : nil }
        }
    }
}
