import Synchronization
import Verifier
import WireFormat

/// The keys by which a service signs tokens, and how one takes over from another.
public final class TokenKeys: Sendable {
    /// How a key takes over from another one by itself.
    private struct Rotation: Sendable {
        let state: ServiceState
        let algorithm: TokenSigningKey.Algorithm
        /// How long one key signs, in seconds.
        let period: Int64
    }

    /// The keys.
    public let keyring: TokenKeyring
    private let rotation: Rotation?
    /// Held while a key takes over, so that those who find the former one too old make one new key.
    private let turn = Mutex(())

    /// Keys that their owner made and exchanges.
    public init(_ keyring: TokenKeyring) {
        self.keyring = keyring
        rotation = nil
    }

    /// Keys that the service makes and keeps; one of another algorithm is exchanged at once.
    ///
    /// - Parameters:
    ///   - state: Where they are kept.
    ///   - algorithm: The signature of keys that are made.
    ///   - lifetime: How long a token lasts, in seconds.
    ///   - period: How long one key signs, in seconds.
    ///   - now: The present, in seconds since 1970.
    public init(
        in state: ServiceState, _ algorithm: TokenSigningKey.Algorithm, lifetime: Int64, period: Int64, now: Int64
    ) throws(WireError) {
        rotation = Rotation(state: state, algorithm: algorithm, period: period)
        if let kept = try state.tokenKeys(lifetime: lifetime) {
            keyring = kept
        } else {
            keyring = TokenKeyring(TokenSigningKey(algorithm), since: now, lifetime: lifetime)
            try state.save(tokenKeys: keyring.sealedForm)
        }
        if keyring.current.algorithm != algorithm { _ = try rotate(now: now) }
    }

    /// Lets a new key sign from now on; answers its name, or nil where the owner exchanges keys.
    func rotate(now: Int64) throws(WireError) -> String? {
        try turn.withLock { (_) throws(WireError) in try exchange(now) }
    }

    /// Lets a new key sign when the current one has signed long enough.
    func rotateWhenDue(now: Int64) throws(WireError) {
        guard let rotation else { return }
        try turn.withLock { (_) throws(WireError) in
            if now - keyring.since >= rotation.period { _ = try exchange(now) }
        }
    }

    private func exchange(_ now: Int64) throws(WireError) -> String? {
        guard let rotation else { return nil }
        let key = TokenSigningKey(rotation.algorithm)
        try keyring.rotate(to: key, now: now) { (form) throws(WireError) in try rotation.state.save(tokenKeys: form) }
        return key.identifier
    }
}
