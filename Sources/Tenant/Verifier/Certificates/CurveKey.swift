import Crypto
import Evidence

/// A public key on a NIST curve. Each curve signs with the hash of its strength: ES256, ES384, ES512 (RFC 9053 permits more).
enum CurveKey: Sendable {
    case p256(P256.Signing.PublicKey)
    case p384(P384.Signing.PublicKey)
    case p521(P521.Signing.PublicKey)

    /// Takes an uncompressed point: 04, x, y. Its length names the curve.
    init?(point: [UInt8]) {
        if let key = try? P256.Signing.PublicKey(x963Representation: point) {
            self = .p256(key)
        } else if let key = try? P384.Signing.PublicKey(x963Representation: point) {
            self = .p384(key)
        } else if let key = try? P521.Signing.PublicKey(x963Representation: point) {
            self = .p521(key)
        } else {
            return nil
        }
    }

    /// Whether a COSE message is signed by this key, with the algorithm of its curve.
    func isValid(_ message: COSESign1) -> Bool {
        let (signature, signed) = (message.signature, message.signedBytes)
        switch (self, message.algorithm) {
        case (.p256(let key), .es256):
            return (try? P256.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: SHA256.hash(data: signed)) } ?? false
        case (.p384(let key), .es384):
            return (try? P384.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: SHA384.hash(data: signed)) } ?? false
        case (.p521(let key), .es512):
            return (try? P521.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: SHA512.hash(data: signed)) } ?? false
        default: return false
        }
    }
}
