import Crypto
import CryptoExtras
import WireFormat

/// A public key that verifies cosign signatures.
public enum CosignKey: Sendable {
    /// ECDSA P-256 with SHA-256, cosign's own kind.
    case p256(P256.Signing.PublicKey)
    /// RSA from 2048 bits, PKCS#1 v1.5 with SHA-256.
    case rsa(_RSA.Signing.PublicKey)
    /// Ed25519.
    case ed25519(Curve25519.Signing.PublicKey)

    /// Reads a public key in PEM.
    public init(pem: String) throws(WireError) {
        let der = try PEMBlock.publicKey(pem)
        if let key = try? P256.Signing.PublicKey(derRepresentation: der) {
            self = .p256(key)
        } else if let key = try? Curve25519.Signing.PublicKey(derRepresentation: der) {
            self = .ed25519(key)
        } else if let key = try? _RSA.Signing.PublicKey(derRepresentation: der) {
            self = .rsa(key)
        } else {
            throw WireError(
                field: "cosign key", reason: "not a P-256, Ed25519 or RSA (2048 bits or more) public key in PEM")
        }
    }

    /// Whether `signature` is this key's over `payload`.
    public func isValid(signature: [UInt8], for payload: [UInt8]) -> Bool {
        switch self {
        case .p256(let key):
            guard let parsed = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(parsed, for: SHA256.hash(data: payload))
        case .rsa(let key):
            let parsed = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(parsed, for: SHA256.hash(data: payload), padding: .insecurePKCS1v1_5)
        case .ed25519(let key):
            return key.isValidSignature(signature, for: payload)
        }
    }
}
