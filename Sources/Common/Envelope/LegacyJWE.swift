import Crypto
import CryptoExtras
import WireFormat

extension JSONWebKey {
    /// Whether the key calls itself one of a guest that knows ``JWE/encryptLegacy(_:to:)`` alone.
    public var isLegacyRecipient: Bool {
        guard case .rsa = material, let algorithm else { return false }
        return ["RSA1_5", "RSA-OAEP"].contains(algorithm)
    }
}

extension JWE {
    /// Encrypts `plaintext` for guests of the key broker protocol before version 0.2.0.
    ///
    /// The form is like a JWE and is none: the header is plain JSON and not authenticated, the tag stands behind the
    /// ciphertext. Keys are RSA and call themselves `RSA1_5`; these guests open OAEP with SHA-256 too, under the name
    /// `RSA-OAEP`, and that is what is used.
    public static func encryptLegacy(
        _ plaintext: [UInt8], to recipient: JSONWebKey
    ) throws(EnvelopeError) -> JSONValue {
        guard case .rsa(let modulus, let exponent) = recipient.material else {
            throw EnvelopeError("guests of this version have RSA keys")
        }
        do {
            let contentKey = SymmetricKey(size: .bits256)
            let key = try _RSA.Encryption.PublicKey(n: modulus, e: exponent)
            let encryptedKey = try key.encrypt(
                contentKey.withUnsafeBytes { Array($0) }, padding: .PKCS1_OAEP_SHA256)
            let box = try AES.GCM.seal(plaintext, using: contentKey)
            return [
                "protected": .string(#"{"alg":"RSA-OAEP","enc":"\#(contentEncryption)"}"#),
                "encrypted_key": .string(Base64.encodeURL(Array(encryptedKey))),
                "iv": .string(Base64.encodeURL(Array(box.nonce))),
                "ciphertext": .string(Base64.encodeURL(Array(box.ciphertext) + Array(box.tag))), "tag": "",
            ]
        } catch {
            throw EnvelopeError("cannot encrypt the content")
        }
    }
}
