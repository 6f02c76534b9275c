import Crypto
import CryptoExtras
import Envelope
import WireFormat

/// The JWE form in which ocicrypt wraps private options for a public key.
///
/// ocicrypt uses RSA-OAEP with SHA-1, which JOSE calls plain `RSA-OAEP`, and ECDH-ES+A256KW for P-256; content is A256GCM.
enum OcicryptJWE {
    static func seal(_ plaintext: [UInt8], recipientPEM: String) throws -> [UInt8] {
        let der = try PEMBlock.publicKey(recipientPEM)
        if let key = try? P256.KeyAgreement.PublicKey(derRepresentation: der) {
            return try self.seal(plaintext, to: key)
        }
        guard let key = try? _RSA.Encryption.PublicKey(derRepresentation: der) else {
            throw OcicryptError(
                "the recipient's key is neither a P-256 nor an RSA public key in PEM (RSA: 2048 bits or more)")
        }
        return try self.seal(plaintext, to: key)
    }

    private static func seal(_ plaintext: [UInt8], to key: P256.KeyAgreement.PublicKey) throws -> [UInt8] {
        try JWE.encrypt(plaintext, to: JSONWebKey(key)).canonicalBytes
    }

    private static func seal(_ plaintext: [UInt8], to key: _RSA.Encryption.PublicKey) throws -> [UInt8] {
        let contentKey = SymmetricKey(size: .bits256)
        let header = Base64.encodeURL(Array("{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}".utf8))
        let wrapped = try contentKey.withUnsafeBytes { try key.encrypt(Array($0), padding: .PKCS1_OAEP) }
        let box = try AES.GCM.seal(plaintext, using: contentKey, authenticating: Array(header.utf8))
        let message: JSONValue = [
            "protected": .string(header), "encrypted_key": .string(Base64.encodeURL(Array(wrapped))),
            "iv": .string(Base64.encodeURL(Array(box.nonce))),
            "ciphertext": .string(Base64.encodeURL(Array(box.ciphertext))),
            "tag": .string(Base64.encodeURL(Array(box.tag))),
        ]
        return message.canonicalBytes
    }
}
