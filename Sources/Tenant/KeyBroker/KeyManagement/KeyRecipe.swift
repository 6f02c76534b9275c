import Crypto
import CryptoExtras
import Envelope
import Foundation
import WireFormat

/// The kinds of key that the broker makes, so that private image keys are never outside broker and guest.
enum KeyRecipe: String {
    /// An elliptic curve key for ECDH-ES.
    case p256
    /// An RSA key of 3072 bits for RSA-OAEP.
    case rsa3072
    /// 32 random bytes.
    case symmetric

    /// Makes a key: the secret as PKCS#8 PEM (32 raw bytes when symmetric) and the public part as PEM.
    func make() throws(BrokerError) -> (secret: SecretBytes, publicPEM: String) {
        switch self {
        case .p256:
            let key = P256.KeyAgreement.PrivateKey()
            return (SecretBytes(Array(key.pemRepresentation.utf8)), key.publicKey.pemRepresentation + "\n")
        case .rsa3072:
            guard let key = try? _RSA.Encryption.PrivateKey(keySize: .bits3072) else {
                throw BrokerError(.failed, check: "key-generation", "the RSA key could not be made")
            }
            return (SecretBytes(Array(key.pkcs8PEMRepresentation.utf8)), key.publicKey.pemRepresentation + "\n")
        case .symmetric:
            return (SecretBytes(random: 32), "")
        }
    }
}
