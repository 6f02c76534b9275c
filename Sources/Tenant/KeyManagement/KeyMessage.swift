import Crypto
import Envelope
import Foundation
import WireFormat

/// A message that a key made, with the kind and the version in front: `T`, format 1, kind, four bytes of version.
struct KeyMessage {
    let kind: KeyKind
    let version: UInt32
    let body: [UInt8]

    /// The most bytes of a message, of its associated data and of a context.
    static let limit = 64 << 10
    /// How many bytes a message can be longer than its plaintext.
    static let overhead = headerSize + nonceSize + tagSize
    static let headerSize = 7
    static let nonceSize = 12
    static let tagSize = 16

    init(kind: KeyKind, version: UInt32, body: [UInt8]) {
        self.kind = kind
        self.version = version
        self.body = body
    }

    /// Reads a message for a key of `kind`.
    init(_ bytes: [UInt8], kind: KeyKind, field: String) throws(KeyFailure) {
        guard bytes.count <= Self.limit + Self.overhead else {
            throw KeyFailure(.malformed, field, "is longer than \(Self.limit) bytes and what sealing adds")
        }
        do throws(WireError) {
            var reader = ByteReader(bytes)
            guard try reader.u8(field) == UInt8(ascii: "T"), try reader.u8(field) == 1 else {
                throw WireError(field: field, reason: "was not made by this key management")
            }
            guard try reader.u8(field) == kind.code else {
                throw WireError(field: field, reason: "was made by a key of another kind than \(kind.rawValue)")
            }
            version = try reader.u32BE(field)
            body = reader.rest()
        } catch {
            throw KeyFailure(error)
        }
        self.kind = kind
    }

    var header: [UInt8] { Self.header(kind, version) }
    var bytes: [UInt8] { header + body }

    static func header(_ kind: KeyKind, _ version: UInt32) -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(UInt8(ascii: "T"))
        writer.u8(1)
        writer.u8(kind.code)
        writer.u32BE(version)
        return writer.bytes
    }

    /// What GCM authenticates beside the message: the header, the key's name and the caller's associated data.
    static func associated(_ kind: KeyKind, _ version: UInt32, _ name: KeyName, _ data: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(header(kind, version))
        let name = Array(name.description.utf8)
        writer.u16BE(UInt16(name.count))
        writer.append(name)
        writer.append(data)
        return writer.bytes
    }

    /// AES-256-GCM: nonce, ciphertext and tag.
    static func seal(
        _ plaintext: SecretBytes, _ key: SymmetricKey, nonce: AES.GCM.Nonce, associated: [UInt8]
    ) throws(KeyFailure) -> [UInt8] {
        let box = try? plaintext.withBytes {
            try AES.GCM.seal($0, using: key, nonce: nonce, authenticating: associated)
        }
        guard let box, let combined = box.combined else {
            throw KeyFailure(.failed, "plaintext", "cannot be encrypted")
        }
        return Array(combined)
    }

    /// Opens what ``seal(_:_:nonce:associated:)`` made.
    static func open(_ body: [UInt8], _ key: SymmetricKey, associated: [UInt8]) throws(KeyFailure) -> SecretBytes {
        guard body.count >= nonceSize + tagSize else { throw KeyFailure(.malformed, "ciphertext", "is cut short") }
        guard let box = try? AES.GCM.SealedBox(combined: body),
            let plaintext = try? AES.GCM.open(box, using: key, authenticating: associated)
        else {
            throw KeyFailure(
                .refused, "ciphertext", "does not open with this key, version and associated data")
        }
        return SecretBytes(wiping: plaintext)
    }

    /// AES key wrap.
    static func wrap(_ secret: SecretBytes, _ key: SymmetricKey) throws(KeyFailure) -> [UInt8] {
        guard secret.count >= 16, secret.count.isMultiple(of: 8) else {
            throw KeyFailure(.malformed, "plaintext", "must have 16 or more bytes, a multiple of 8, to be wrapped")
        }
        do {
            return try AESKeyWrap.wrap(secret.withBytes { SymmetricKey(data: $0) }, under: key)
        } catch {
            throw KeyFailure(.failed, "plaintext", "cannot be wrapped")
        }
    }

    /// Opens what ``wrap(_:_:)`` made.
    static func unwrap(_ body: [UInt8], _ key: SymmetricKey) throws(KeyFailure) -> SecretBytes {
        guard body.count >= 24, body.count.isMultiple(of: 8) else {
            throw KeyFailure(.malformed, "ciphertext", "is no wrapped key")
        }
        do {
            let secret = try AESKeyWrap.unwrap(body, under: key)
            return secret.withUnsafeBytes { SecretBytes(copying: $0) }
        } catch {
            throw KeyFailure(.refused, "ciphertext", "does not open with this key and version")
        }
    }
}
