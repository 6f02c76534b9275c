import Crypto
import Evidence
import Foundation
import WireFormat

/// A key on a NIST curve that signs COSE messages.
public struct COSEKey: Sendable {
    private enum Key: Sendable {
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
    }

    private let key: Key

    /// Takes an uncompressed point: 04, x, y. Its length names the curve.
    public init(point: [UInt8]) throws(WireError) {
        if let key = try? P256.Signing.PublicKey(x963Representation: point) {
            self.key = .p256(key)
        } else if let key = try? P384.Signing.PublicKey(x963Representation: point) {
            self.key = .p384(key)
        } else if let key = try? P521.Signing.PublicKey(x963Representation: point) {
            self.key = .p521(key)
        } else {
            throw WireError(field: "key", reason: "is not a point on P-256, P-384 or P-521")
        }
    }

    /// Whether the message is signed by this key. Each algorithm belongs to one curve (RFC 9053 permits more).
    func isValid(_ message: COSESign1) -> Bool {
        let signed = message.signedBytes
        switch (key, message.algorithm) {
        case (.p256(let key), .es256):
            return (try? P256.Signing.ECDSASignature(rawRepresentation: message.signature))
                .map { key.isValidSignature($0, for: SHA256.hash(data: signed)) } ?? false
        case (.p384(let key), .es384):
            return (try? P384.Signing.ECDSASignature(rawRepresentation: message.signature))
                .map { key.isValidSignature($0, for: SHA384.hash(data: signed)) } ?? false
        case (.p521(let key), .es512):
            return (try? P521.Signing.ECDSASignature(rawRepresentation: message.signature))
                .map { key.isValidSignature($0, for: SHA512.hash(data: signed)) } ?? false
        default: return false
        }
    }
}
