import Envelope
import SealedStorage
import WireFormat

extension KeyBroker {
    /// Takes the cookie keys that all replicas have, and makes new ones when they are an hour old.
    ///
    /// - Parameter isNew: Whether the present ones must not be used any more.
    func shareCookieKeys(isNew: Bool = false) async throws(BrokerError) {
        let now = clock.seconds
        try await changeCookieKeys { (known) throws(BrokerError) in
            if let known, !isNew, now - known.since < StoredCookieKeys.life { return nil }
            return StoredCookieKeys(
                current: SecretBytes(random: 32), previous: isNew ? nil : known?.current, since: now)
        }
    }

    /// Lets a new key seal cookies from now on; sessions under the one before go on until they end.
    ///
    /// With one replica the key lives in memory as before, else in the store.
    func rotateCookieKey() async throws(BrokerError) {
        let now = clock.seconds
        guard sharesSessions else {
            guard cookies.rotate(now: now, atLeast: StoredCookieKeys.shortestLife) else { throw Self.tooSoon }
            return
        }
        try await changeCookieKeys { (known) throws(BrokerError) in
            // Two keys open; the one before the previous has to be of no session any more.
            if let known, known.previous != nil, now - known.since < StoredCookieKeys.shortestLife {
                throw Self.tooSoon
            }
            return StoredCookieKeys(current: SecretBytes(random: 32), previous: known?.current, since: now)
        }
    }

    private static let tooSoon = BrokerError(
        .conflict, check: "cookie-key",
        "the key was changed less than \(StoredCookieKeys.shortestLife) seconds ago, and older sessions go on"
    )

    /// Changes the stored keys, or leaves them where `change` answers nil, and takes what is stored then.
    private func changeCookieKeys(
        _ change: @escaping @Sendable (StoredCookieKeys?) throws(BrokerError) -> StoredCookieKeys?
    ) async throws(BrokerError) {
        let key = EntryFamily.setting["cookie-keys"]
        let keys = try await store.transact([key]) { (transaction) throws(BrokerError) in
            let known = try transaction.entry(key).map { (entry) throws(BrokerError) in
                try StoredCookieKeys(stored: entry.value)
            }
            guard let next = try change(known) else { return known }
            transaction.put(key, next.bytes)
            return next
        }
        guard let keys else { return }
        try cookies.replace(current: keys.current, previous: keys.previous)
    }
}

/// The keys of session cookies that replicas share.
struct StoredCookieKeys: Sendable {
    var current: SecretBytes
    var previous: SecretBytes?
    /// When the current one was made, in seconds since 1970.
    var since: Int64

    /// How long a key seals, in seconds.
    static let life: Int64 = 3600
    /// How long it seals at least where there is one before it: sessions under that one have ended then.
    static let shortestLife = SessionCookie.lifetime + 2 * SessionCookie.skew

    init(current: SecretBytes, previous: SecretBytes?, since: Int64) {
        self.current = current
        self.previous = previous
        self.since = since
    }

    init(stored bytes: [UInt8]) throws(BrokerError) {
        do {
            var reader = ByteReader(bytes)
            since = Int64(bitPattern: try reader.u64BE("since"))
            current = SecretBytes(try reader.bytes(32, "current"))
            previous = reader.remaining > 0 ? SecretBytes(try reader.bytes(32, "previous")) : nil
            try reader.finish()
        } catch {
            throw BrokerError(.failed, check: "storage", "the stored cookie keys cannot be read")
        }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.u64BE(UInt64(bitPattern: since))
        writer.append(current.copyBytes())
        if let previous { writer.append(previous.copyBytes()) }
        return writer.bytes
    }
}
