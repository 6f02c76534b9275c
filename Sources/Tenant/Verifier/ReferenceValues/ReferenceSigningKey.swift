import Crypto
import Envelope
import Evidence
import Foundation
import WireFormat

/// A public key that may sign reference values: P-256, P-384 or Ed25519.
public struct ReferenceSigningKey: Sendable {
    private enum Key: Sendable {
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }

    private let key: Key
    /// The SHA-256 of the key's SubjectPublicKeyInfo in hexadecimal: what provenance names it by.
    public let identifier: String

    /// The DER of an Ed25519 SubjectPublicKeyInfo before its 32 bytes (RFC 8410).
    private static let ed25519Prefix: [UInt8] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]

    /// Reads a public key in PEM form.
    public init(pem: String) throws(WireError) {
        let der: [UInt8]
        do {
            let lines = pem.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            guard lines.first == "-----BEGIN PUBLIC KEY-----", lines.last == "-----END PUBLIC KEY-----" else {
                throw WireError(field: "key", reason: "is no public key in PEM form")
            }
            der = try Base64.decode(lines.dropFirst().dropLast().joined(), field: "key")
        } catch {
            throw WireError(field: "key", reason: "is no public key in PEM form (BEGIN PUBLIC KEY)")
        }
        if let key = try? P256.Signing.PublicKey(derRepresentation: der) {
            self.key = .p256(key)
        } else if let key = try? P384.Signing.PublicKey(derRepresentation: der) {
            self.key = .p384(key)
        } else if der.starts(with: Self.ed25519Prefix), der.count == Self.ed25519Prefix.count + 32,
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: der.suffix(32))
        {
            self.key = .ed25519(key)
        } else {
            throw WireError(field: "key", reason: "is neither a P-256, a P-384 nor an Ed25519 key")
        }
        identifier = SHA256Digest(hashing: der).hex
    }

    /// Takes an Ed25519 key.
    public init(_ key: Curve25519.Signing.PublicKey) {
        self.key = .ed25519(key)
        identifier = SHA256Digest(hashing: Self.ed25519Prefix + Array(key.rawRepresentation)).hex
    }

    /// Whether a COSE message is signed by this key. Each algorithm belongs to one kind of key.
    func isValid(_ message: COSESign1) -> Bool {
        let signed = message.signedBytes
        switch (key, message.algorithm) {
        case (.p256(let key), .es256):
            return (try? P256.Signing.ECDSASignature(rawRepresentation: message.signature))
                .map { key.isValidSignature($0, for: SHA256.hash(data: signed)) } ?? false
        case (.p384(let key), .es384):
            return (try? P384.Signing.ECDSASignature(rawRepresentation: message.signature))
                .map { key.isValidSignature($0, for: SHA384.hash(data: signed)) } ?? false
        case (.ed25519(let key), .edDSA):
            return message.signature.count == 64 && key.isValidSignature(message.signature, for: signed)
        default: return false
        }
    }

    /// The payload of a compact JWS when this key signed it.
    func payload(of compact: String) -> JSONValue? {
        let key: JWS.Key
        switch self.key {
        case .p256(let found): key = .es256(found)
        case .ed25519(let found): key = .edDSA(found)
        case .p384: return nil
        }
        return try? JWS.verify(compact, keys: [key]).payload
    }
}
