import Crypto
import CryptoExtras

/// A key that signatures are verified with.
struct VerificationKey {
    enum Material {
        case rsa(_RSA.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
        case secret([UInt8])
        /// A private key, or one of a kind we do not know: verifies nothing.
        case other
    }

    var material: Material
    var algorithm = ""
    var identifier = ""

    /// Whether a signature of `bytes` is this key's by an algorithm.
    func verifies(_ signature: [UInt8], of bytes: [UInt8], by algorithm: SignatureAlgorithm) -> Bool {
        switch material {
        case .rsa(let key):
            guard let padding = algorithm.padding else { return false }
            return key.isValidSignature(
                .init(rawRepresentation: signature), for: algorithm.digest(bytes), padding: padding)
        case .p256(let key):
            guard algorithm.isECDSA, let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: algorithm.digest(bytes))
        case .p384(let key):
            guard algorithm.isECDSA, let signature = try? P384.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: algorithm.digest(bytes))
        case .p521(let key):
            guard algorithm.isECDSA, let signature = try? P521.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: algorithm.digest(bytes))
        case .ed25519(let key): return algorithm == .edDSA && key.isValidSignature(signature, for: bytes)
        case .secret(let secret):
            guard let code = algorithm.authenticationCode(bytes, secret) else { return false }
            return Bytes.areEqual(code, signature)
        case .other: return false
        }
    }
}
