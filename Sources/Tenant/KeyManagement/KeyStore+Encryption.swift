import Crypto
import Envelope
import SealedStorage
import WireFormat

extension KeyStore {
    /// Encrypts a message of at most 64 KiB with the newest version; the same associated data opens it.
    public func encrypt(
        _ plaintext: SecretBytes, with name: KeyName, associated: [UInt8] = [], by caller: KeyCaller
    ) async throws(KeyFailure) -> [UInt8] {
        try Self.check(plaintext.count, "plaintext")
        try Self.check(associated.count, "associated")
        let found = try await find(name, .encrypt, .primary, by: caller)
        return try await seal(plaintext, found, associated)
    }

    /// Opens a message of a version that is in use or in its overlap.
    public func decrypt(
        _ ciphertext: [UInt8], with name: KeyName, associated: [UInt8] = [], by caller: KeyCaller
    ) async throws(KeyFailure) -> SecretBytes {
        try Self.check(associated.count, "associated")
        let record = try await admitted(name, .decrypt, by: caller)
        let message = try KeyMessage(ciphertext, kind: record.kind, field: "ciphertext")
        let found = try await find(record, .decrypt, .number(message.version), by: caller)
        return try Self.open(message, found, associated)
    }

    /// Wraps a key of 16 to 65,536 bytes, a multiple of 8, with the newest version (RFC 3394).
    public func wrap(
        _ secret: SecretBytes, with name: KeyName, by caller: KeyCaller
    ) async throws(KeyFailure) -> [UInt8] {
        try Self.check(secret.count, "plaintext")
        let found = try await find(name, .wrap, .primary, by: caller)
        return try await seal(secret, found, [])
    }

    /// Opens a wrapped key of a version that is in use or in its overlap.
    public func unwrap(
        _ wrapped: [UInt8], with name: KeyName, by caller: KeyCaller
    ) async throws(KeyFailure) -> SecretBytes {
        let record = try await admitted(name, .unwrap, by: caller)
        let message = try KeyMessage(wrapped, kind: record.kind, field: "ciphertext")
        return try Self.open(message, try await find(record, .unwrap, .number(message.version), by: caller), [])
    }

    /// Moves a message or a wrapped key from the version that made it to the newest; the plaintext stays in here. What the
    /// newest made comes back as it was.
    public func rewrap(
        _ ciphertext: [UInt8], with name: KeyName, associated: [UInt8] = [], by caller: KeyCaller
    ) async throws(KeyFailure) -> [UInt8] {
        try Self.check(associated.count, "associated")
        let record = try await admitted(name, .rewrap, by: caller)
        let message = try KeyMessage(ciphertext, kind: record.kind, field: "ciphertext")
        let old = try await find(record, .rewrap, .number(message.version), by: caller)
        let plaintext = try Self.open(message, old, associated)
        let new = try await find(record, .rewrap, .primary, by: caller)
        guard new.version.number != old.version.number else { return ciphertext }
        if let end = new.version.notAfter, end <= now() {
            throw KeyFailure(.conflict, "version", "\(name) is past its end; rotate it")
        }
        return try await seal(plaintext, new, associated)
    }

    private func seal(
        _ plaintext: SecretBytes, _ found: Found, _ associated: [UInt8]
    ) async throws(KeyFailure) -> [UInt8] {
        let (name, number, kind) = (found.record.name, found.version.number, found.record.kind)
        let body: [UInt8]
        if kind == .aes256GCM {
            try await takeUse(name, number)
            body = try KeyMessage.seal(
                plaintext, found.material.symmetric, nonce: AES.GCM.Nonce(),
                associated: KeyMessage.associated(kind, number, name, associated))
        } else {
            guard associated.isEmpty else {
                throw KeyFailure(.malformed, "associated", "key wrap has no associated data")
            }
            body = try KeyMessage.wrap(plaintext, found.material.symmetric)
        }
        return KeyMessage(kind: kind, version: number, body: body).bytes
    }

    private static func open(
        _ message: KeyMessage, _ found: Found, _ associated: [UInt8]
    ) throws(KeyFailure) -> SecretBytes {
        guard message.kind == .aes256GCM else {
            guard associated.isEmpty else {
                throw KeyFailure(.malformed, "associated", "key wrap has no associated data")
            }
            return try KeyMessage.unwrap(message.body, found.material.symmetric)
        }
        return try KeyMessage.open(
            message.body, found.material.symmetric,
            associated: KeyMessage.associated(message.kind, message.version, found.record.name, associated))
    }

    /// Takes one use of the version from the stock. Uses come from the store in blocks, before they are used: what a crash
    /// leaves of a block is lost, so that no count is ever too low.
    private func takeUse(_ name: KeyName, _ number: UInt32) async throws(KeyFailure) {
        let key = Self.uses(name, number)
        let isThere = stock.withLock { stock in
            guard let left = stock[key], left > 0 else { return false }
            stock[key] = left - 1
            return true
        }
        if isThere { return }
        let (limit, block) = (usesLimit, usesBlock)
        let granted = try await transact([key]) { (transaction) throws(KeyFailure) -> UInt64 in
            let taken = try Self.number(try Self.read(key, in: transaction)?.value)
            guard taken < limit else {
                throw KeyFailure(
                    .refused, "version", "\(name) version \(number) has encrypted \(limit) messages; rotate it")
            }
            let granted = min(block, limit - taken)
            transaction.put(key, Self.bytes(taken + granted))
            return granted
        }
        stock.withLock { $0[key, default: 0] += granted - 1 }
    }

    private static func number(_ bytes: [UInt8]?) throws(KeyFailure) -> UInt64 {
        guard let bytes else { return 0 }
        guard bytes.count == 8 else { throw KeyFailure(.failed, "uses", "the count of uses is damaged") }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

    static func read(_ key: EntryKey, in transaction: StoreTransaction) throws(KeyFailure) -> StoredEntry? {
        do { return try transaction.read(key) } catch { throw KeyFailure(error) }
    }

    func transact<R: Sendable>(
        _ keys: [EntryKey], listing families: [EntryFamily] = [],
        _ body: @escaping @Sendable (inout StoreTransaction) throws(KeyFailure) -> R
    ) async throws(KeyFailure) -> R {
        try await KeyFailure.wrapping {
            try await self.store.transact(keys, listing: families) { (transaction) throws(KeyFailure) in
                try body(&transaction)
            }
        }
    }
}
