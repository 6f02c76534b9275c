import Crypto
import Envelope
import Foundation
import WireFormat

/// Seals what the broker stores, so that the database and the key files are ciphertext at rest.
///
/// AES-256-GCM with a fresh random nonce for each seal. The context (what the row is and which revision) is
/// authenticated, so a row cannot be moved to another name or revision.
public struct RowSealer: Sendable {
    private let key: SymmetricKey

    /// Creates a sealer from 32 key bytes.
    public init(rootKey: SecretBytes) throws(BrokerError) {
        guard rootKey.count == 32 else {
            throw BrokerError(.failed, check: "root-key", "the root key must have 32 bytes, it has \(rootKey.count)")
        }
        self.key = rootKey.withBytes { SymmetricKey(data: $0) }
    }

    /// Reads the key file: 64 hexadecimal digits, readable by its owner only.
    public init(file path: String) throws(BrokerError) {
        let bytes = try PrivateFile.read(path, what: "root key")
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let key = try? Hex.decode(text, field: "root key"), key.count == 32 else {
            throw BrokerError(.failed, check: "root-key", "\(path) does not hold 64 hexadecimal digits")
        }
        try self.init(rootKey: SecretBytes(key))
    }

    /// Encrypts `plaintext`; the answer is nonce, ciphertext and tag in one.
    func seal(_ plaintext: [UInt8], context: String) throws(BrokerError) -> [UInt8] {
        guard
            let box = try? AES.GCM.seal(plaintext, using: key, authenticating: Array(context.utf8)),
            let combined = box.combined
        else { throw BrokerError(.failed, check: "seal", "sealing \(context) failed") }
        return Array(combined)
    }

    /// Opens what ``seal(_:context:)`` made with the same context.
    func open(_ sealed: [UInt8], context: String) throws(BrokerError) -> [UInt8] {
        guard
            let box = try? AES.GCM.SealedBox(combined: sealed),
            let plaintext = try? AES.GCM.open(box, using: key, authenticating: Array(context.utf8))
        else { throw BrokerError(.failed, check: "seal", "a stored row does not open with this root key") }
        return Array(plaintext)
    }
}
