import CLinux
import Crypto
import Envelope

/// A 32-byte secret in memory that wraps keys; what files and TPMs keep.
///
/// The wrapping key, the id and the check value are derived from the secret under names of their own, so that a file
/// that served as an encryption key before can go on as a root key.
struct WrappingSecret: Sendable {
    static let size = 32

    private let key: SymmetricKey
    /// Names the secret in wrapped keys.
    let id: [UInt8]
    /// Shows that a recovery file holds this secret.
    let check: [UInt8]

    init(_ secret: SecretBytes) {
        let material = secret.withBytes { SymmetricKey(data: $0) }
        func derive(_ purpose: String, _ bytes: Int) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: material, info: Array("testudo root key \(purpose)".utf8), outputByteCount: bytes)
        }
        key = derive("wrap", 32)
        id = derive("id", WrappedKey.idBytes).withUnsafeBytes { Array($0) }
        check = derive("check", 32).withUnsafeBytes { Array($0) }
    }

    func wrap(_ plain: SecretBytes, context: [UInt8], kind: String) throws(RootKeyFailure) -> [UInt8] {
        try WrappedKey.checkLengths(key: plain.count, context: context, kind: kind)
        let authenticated = WrappedKey.authenticated(id: id, context: context)
        let box = plain.withBytes { bytes in
            try? AES.GCM.seal(bytes, using: key, authenticating: authenticated)
        }
        guard let box else { throw WrappedKey.doesNotOpen(kind: kind) }
        return WrappedKey(id: id, nonce: Array(box.nonce), sealed: Array(box.ciphertext + box.tag)).bytes
    }

    func unwrap(_ wrapped: [UInt8], context: [UInt8], kind: String) throws(RootKeyFailure) -> SecretBytes {
        try WrappedKey.checkContext(context, kind: kind)
        let wrapped = try WrappedKey(wrapped, kind: kind)
        try wrapped.requireID(id, kind: kind)
        guard
            let box = try? AES.GCM.SealedBox(combined: wrapped.nonce + wrapped.sealed),
            var plain = try? AES.GCM.open(
                box, using: key, authenticating: WrappedKey.authenticated(id: id, context: context))
        else { throw WrappedKey.doesNotOpen(kind: kind) }
        defer { plain.withUnsafeMutableBytes { cl_wipe($0.baseAddress, $0.count) } }
        return plain.withUnsafeBytes { SecretBytes(copying: $0) }
    }
}
