import CPKCS11
import Envelope
import Synchronization
import WireFormat

/// A root key that never leaves a PKCS #11 token, such as a hardware security module.
///
/// Each wrap and unwrap is one AES-GCM operation of the token, with a random nonce of the broker's. A lost session is
/// opened again once, with one login; a PIN that the token refused is never tried again (``PINFile``). The module's
/// calls have a thread of their own: a token that hangs makes operations fail after their time, and nothing else.
public final class PKCS11RootKey: RootKey {
    /// Always `pkcs11`.
    public let kind = "pkcs11"

    private let settings: PKCS11Settings
    private let thread = SerialThread()
    private let state: TokenState
    /// The identifier of the key on the token.
    private let id: [UInt8]

    /// Logs in to the token and finds the key.
    public init(_ settings: PKCS11Settings) async throws(RootKeyFailure) {
        let state = TokenState(settings)
        self.settings = settings
        self.state = state
        id = try await Self.run(thread, settings) { () throws(RootKeyFailure) in try state.connect() }
    }

    /// Makes a key on the token, sensitive and not extractable; one with the same label is never replaced.
    public static func create(_ settings: PKCS11Settings) async throws(RootKeyFailure) {
        try await run(SerialThread(), settings) { () throws(RootKeyFailure) in
            let token = try PKCS11Token(settings, writes: true)
            defer { token.close() }
            try token.makeKey()
        }
    }

    /// Has the token wrap a 32-byte key, bound to `context`.
    public func wrap(_ key: SecretBytes, context: [UInt8]) async throws(RootKeyFailure) -> [UInt8] {
        try WrappedKey.checkLengths(key: key.count, context: context, kind: kind)
        let nonce = SecretBytes(random: WrappedKey.nonceBytes).copyBytes()
        let authenticated = WrappedKey.authenticated(id: id, context: context)
        let sealed = try await Self.run(thread, settings) { [state, id] () throws(RootKeyFailure) in
            try state.gcm(encrypts: true, id: id, nonce: nonce, context: authenticated, input: key)
        }
        guard sealed.count == WrappedKey.keyBytes + WrappedKey.tagBytes else {
            throw PKCS11Token.failure(
                .refused, "a key cannot be wrapped", "the token made \(sealed.count) bytes of it, not 48",
                "the token's AES-GCM is not the specification's; use another root key")
        }
        return WrappedKey(id: id, nonce: nonce, sealed: sealed.copyBytes()).bytes
    }

    /// Has the token open what ``wrap(_:context:)`` made with the same context.
    public func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(RootKeyFailure) -> SecretBytes {
        try WrappedKey.checkContext(context, kind: kind)
        let wrapped = try WrappedKey(wrapped, kind: kind)
        try wrapped.requireID(id, kind: kind)
        let authenticated = WrappedKey.authenticated(id: id, context: context)
        let key = try await Self.run(thread, settings) { [state, id] () throws(RootKeyFailure) in
            try state.gcm(
                encrypts: false, id: id, nonce: wrapped.nonce, context: authenticated,
                input: SecretBytes(wrapped.sealed))
        }
        guard key.count == WrappedKey.keyBytes else { throw WrappedKey.doesNotOpen(kind: kind) }
        return key
    }

    private static func run<Result: Sendable>(
        _ thread: SerialThread, _ settings: PKCS11Settings,
        _ body: @escaping @Sendable () throws(RootKeyFailure) -> Result
    ) async throws(RootKeyFailure) -> Result {
        let late = RootKeyFailure(
            .timedOut, kind: "pkcs11", "the token did not answer",
            because: "its module \(settings.module) did not return within \(settings.timeoutSeconds) seconds",
            remedy: "look at the token; while it hangs every operation fails like this one")
        return try await thread.run(within: .seconds(settings.timeoutSeconds), late: late, body)
    }
}

/// The session of a ``PKCS11RootKey``; only the key's own thread makes calls through it.
private final class TokenState: Sendable {
    private struct Open: Sendable {
        let token: PKCS11Token
        let key: UInt
    }

    private let settings: PKCS11Settings
    private let open = Mutex<Open?>(nil)

    init(_ settings: PKCS11Settings) { self.settings = settings }

    deinit { open.withLock { $0?.token.close() } }

    /// Opens a session in place of an earlier one; gives the key's identifier.
    func connect() throws(RootKeyFailure) -> [UInt8] {
        let old = open.withLock { open in
            defer { open = nil }
            return open
        }
        old?.token.close()
        let token = try PKCS11Token(settings, writes: false)
        do {
            let key = try token.key()
            open.withLock { $0 = Open(token: token, key: key.handle) }
            return key.id
        } catch {
            token.close()
            throw error
        }
    }

    /// One operation; a lost session is opened again once.
    func gcm(
        encrypts: Bool, id: [UInt8], nonce: [UInt8], context: [UInt8], input: SecretBytes
    ) throws(RootKeyFailure) -> SecretBytes {
        var isFresh = false
        while true {
            guard let session = open.withLock({ $0 }) else {
                try reconnect(id)
                isFresh = true
                continue
            }
            let result = session.token.gcm(
                session.key, encrypts: encrypts, nonce: nonce, context: context, input: input)
            switch result {
            case .success(let output): return output
            case .failure(let value) where value.saysLost && !isFresh:
                try reconnect(id)
                isFresh = true
            case .failure(let value):
                // A token that encrypts is well; then the wrapped key is not.
                if !encrypts, value.maySayDamaged,
                    case .success = session.token.gcm(
                        session.key, encrypts: true, nonce: SecretBytes(random: 12).copyBytes(), context: [],
                        input: SecretBytes(random: 32))
                {
                    throw WrappedKey.doesNotOpen(kind: "pkcs11")
                }
                throw PKCS11Token.refusal(encrypts ? "C_Encrypt" : "C_Decrypt", value.code, settings)
            }
        }
    }

    private func reconnect(_ id: [UInt8]) throws(RootKeyFailure) {
        let found = try connect()
        guard found == id else {
            open.withLock { open in
                open?.token.close()
                open = nil
            }
            throw PKCS11Token.failure(
                .otherKey, "the key on the token is another one",
                "its identifier is \(Hex.encode(found)), and it was \(Hex.encode(id)) when the broker started",
                "find out who exchanged the token or its key")
        }
    }
}
