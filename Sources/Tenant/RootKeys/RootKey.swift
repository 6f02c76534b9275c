import Envelope

/// What wraps the broker's store keys: the one secret that does not lie in the store.
///
/// To move from one root key to another, unwrap with the old one and wrap with the new one; the store's rows stay as
/// they are.
public protocol RootKey: Sendable {
    /// A short name that errors and audit lines say: `file`, `tpm` or `pkcs11`.
    var kind: String { get }

    /// Wraps a 32-byte key.
    ///
    /// - Parameters:
    ///   - key: The 32 bytes.
    ///   - context: What the key is for, authenticated: the same bytes, at most 256, are needed to unwrap.
    func wrap(_ key: SecretBytes, context: [UInt8]) async throws(RootKeyFailure) -> [UInt8]

    /// Opens what ``wrap(_:context:)`` made with this root key and the same context.
    func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(RootKeyFailure) -> SecretBytes
}
