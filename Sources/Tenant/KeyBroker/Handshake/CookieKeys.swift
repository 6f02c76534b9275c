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

    private struct Pair {
        var current: Key
        var previous: Key?
        /// When the current one took over, in seconds since 1970; nil for the first one.
        var rotated: Int64?
    }

    private let keys: Mutex<Pair>

    /// Makes a key that nobody else has.
    public init() {
        keys = Mutex(Pair(current: Key(SymmetricKey(size: .bits256))))
    }

    /// Takes keys that replicas share, each of 32 bytes.
    public init(current: SecretBytes, previous: SecretBytes? = nil) throws(BrokerError) {
        keys = Mutex(try Self.pair(current, previous))
    }

    /// Takes keys that replicas share in place of the present ones: cookies under any other key are refused from now on.
    public func replace(current: SecretBytes, previous: SecretBytes?) throws(BrokerError) {
        let taken = try Self.pair(current, previous)
        keys.withLock { $0 = taken }
    }

    /// Lets a new key that nobody else has seal from now on; false when the present one took over less than `shortest` seconds
    /// ago, so that cookies under the one before it may still be about.
    func rotate(now: Int64, atLeast shortest: Int64) -> Bool {
        keys.withLock { keys in
            if let rotated = keys.rotated, now - rotated < shortest { return false }
            keys = Pair(current: Key(SymmetricKey(size: .bits256)), previous: keys.current, rotated: now)
            return true
        }
    }

    private static func pair(_ current: SecretBytes, _ previous: SecretBytes?) throws(BrokerError) -> Pair {
        Pair(
            current: try key(current),
            previous: try previous.map { (secret) throws(BrokerError) in try key(secret) })
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
