import Crypto
import Envelope
import Evidence
import Foundation
import WireFormat

/// A public key that may sign reference values: P-256, P-384 or Ed25519.
public struct ReferenceSigningKey: Sendable {
    private enum Key: Sendable {
        case curve(CurveKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }

    /// What a key may state.
    public enum Scope: Equatable, Sendable {
        /// Any name that is free.
        case everything
        /// Releases of the guest, and nothing else.
        case releases
        /// Names that begin with one of these.
        case names([String])
    }

    private let key: Key
    /// What it may state.
    public private(set) var scope = Scope.everything
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
            self.key = .curve(.p256(key))
        } else if let key = try? P384.Signing.PublicKey(derRepresentation: der) {
            self.key = .curve(.p384(key))
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

    /// The same key, which may state no more than this.
    public func limited(to scope: Scope) -> ReferenceSigningKey {
        var key = self
        key.scope = scope
        return key
    }

    /// Whether the key may state a value.
    public func mayState(_ entry: ReferenceValueEntry) -> Bool {
        switch scope {
        case .everything: true
        case .releases: entry.provenance.isRelease
        case .names(let beginnings): beginnings.contains { entry.name.utf8.starts(with: $0.utf8) }
        }
    }

    /// Refuses a document that states what its signer may not.
    func check(_ document: ReferenceDocument) throws(WireError) {
        guard let entry = document.entries.first(where: { !mayState($0) }) else { return }
        let name = ShownText.cut(entry.name, bytes: 64)
        let reason =
            scope == .releases
            ? "the key signs releases of the guest and no other document: referenceKeys pins keys for those"
            : "the key may not state \(name): it is pinned for other names"
        throw WireError(field: "signature", reason: reason)
    }

    /// Whether a COSE message is signed by this key. Each algorithm belongs to one kind of key.
    func isValid(_ message: COSESign1) -> Bool {
        switch key {
        case .curve(let key): key.isValid(message)
        case .ed25519(let key):
            message.algorithm == .edDSA && message.signature.count == 64
                && key.isValidSignature(message.signature, for: message.signedBytes)
        }
    }

    /// The payload of a compact JWS when this key signed it.
    func payload(of compact: String) -> JSONValue? {
        let key: JWS.Key
        switch self.key {
        case .curve(.p256(let found)): key = .es256(found)
        case .ed25519(let found): key = .edDSA(found)
        case .curve: return nil
        }
        return try? JWS.verify(compact, keys: [key]).payload
    }
}
