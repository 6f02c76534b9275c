import Crypto
import Envelope
import Foundation
import WireFormat

/// A signature, an authentication code or a derived key, with the version that made it.
public struct Versioned<Value: Sendable & Equatable>: Sendable, Equatable {
    /// The version.
    public let version: UInt32
    /// What it made.
    public let value: Value
}

extension KeyStore {
    /// Signs a message of at most 64 KiB with the newest version.
    public func sign(
        _ message: [UInt8], with name: KeyName, by caller: KeyCaller
    ) async throws(KeyFailure) -> Versioned<[UInt8]> {
        try Self.check(message.count, "message")
        let found = try await find(name, .sign, .primary, by: caller)
        return Versioned(version: found.version.number, value: try found.material.sign(message))
    }

    /// Checks a signature of a version that is in use or in its overlap.
    public func verify(
        _ signature: [UInt8], of message: [UInt8], with name: KeyName, version: UInt32, by caller: KeyCaller
    ) async throws(KeyFailure) -> Bool {
        try Self.check(message.count, "message")
        try Self.check(signature.count, "signature")
        let found = try await find(name, .verify, .number(version), by: caller)
        return found.material.verify(signature, message)
    }

    /// Authenticates a message of at most 64 KiB with the newest version.
    public func mac(
        _ message: [UInt8], with name: KeyName, by caller: KeyCaller
    ) async throws(KeyFailure) -> Versioned<[UInt8]> {
        try Self.check(message.count, "message")
        let found = try await find(name, .mac, .primary, by: caller)
        return Versioned(version: found.version.number, value: found.material.mac(message))
    }

    /// Checks an authentication code, all of it, in constant time.
    public func verifyMAC(
        _ code: [UInt8], of message: [UInt8], with name: KeyName, version: UInt32, by caller: KeyCaller
    ) async throws(KeyFailure) -> Bool {
        try Self.check(message.count, "message")
        try Self.check(code.count, "mac")
        let found = try await find(name, .verifyMAC, .number(version), by: caller)
        return constantTimeEqual(found.material.mac(message), code)
    }

    /// Derives 16 to 64 bytes for a context. The same key, version, context and length give the same bytes; the key's name and
    /// version are part of what is derived from.
    public func derive(
        _ context: [UInt8], bytes: Int, with name: KeyName, version: UInt32? = nil, by caller: KeyCaller
    ) async throws(KeyFailure) -> Versioned<SecretBytes> {
        try Self.check(context.count, "context")
        guard (16...64).contains(bytes) else { throw KeyFailure(.malformed, "bytes", "must be between 16 and 64") }
        let found = try await find(name, .derive, version.map { .number($0) } ?? .primary, by: caller)
        var info = ByteWriter()
        info.append(Array("testudo kms derive 1".utf8))
        info.append(KeyMessage.associated(found.record.kind, found.version.number, name, context))
        return Versioned(
            version: found.version.number, value: found.material.derive(info.bytes, bytes: bytes))
    }

    /// The public half of the newest version, or of another that is not destroyed.
    public func publicKey(
        _ name: KeyName, version number: UInt32? = nil, by caller: KeyCaller
    ) async throws(KeyFailure) -> KeyPublic {
        let record = try await admitted(name, .publicKey, by: caller)
        guard let version = number.map(record.version) ?? record.primary(at: now()), let bytes = version.publicKey
        else {
            throw KeyFailure(.notFound, "version", "\(name) has no such version, or it was destroyed")
        }
        return KeyPublic(kind: record.kind, version: version.number, bytes: bytes)
    }

    /// Hands out the material of an exportable key to an attested caller.
    public func export(
        _ name: KeyName, version: UInt32? = nil, by caller: KeyCaller
    ) async throws(KeyFailure) -> Versioned<SecretBytes> {
        let found = try await find(name, .export, version.map { .number($0) } ?? .primary, by: caller)
        guard found.record.isExportable else {
            throw KeyFailure(.denied, "exportable", "\(name) was made as a key that never leaves")
        }
        return Versioned(version: found.version.number, value: found.material.secret)
    }
}

extension KeyMaterial {
    func sign(_ message: [UInt8]) throws(KeyFailure) -> [UInt8] {
        do {
            switch kind {
            case .ecdsaP256: return Array(try Self.p256(secret).signature(for: message).rawRepresentation)
            case .ecdsaP384: return Array(try Self.p384(secret).signature(for: message).rawRepresentation)
            case .ed25519: return Array(try Self.ed25519(secret).signature(for: message))
            default: throw KeyFailure(.conflict, "operation", "a key of kind \(kind.rawValue) cannot sign")
            }
        } catch let failure as KeyFailure {
            throw failure
        } catch {
            throw KeyFailure(.failed, "message", "cannot be signed")
        }
    }

    func verify(_ signature: [UInt8], _ message: [UInt8]) -> Bool {
        guard let publicKey else { return false }
        switch kind {
        case .ecdsaP256:
            guard let raw = try? P256.Signing.ECDSASignature(rawRepresentation: signature),
                let key = try? P256.Signing.PublicKey(rawRepresentation: publicKey)
            else { return false }
            return key.isValidSignature(raw, for: message)
        case .ecdsaP384:
            guard let raw = try? P384.Signing.ECDSASignature(rawRepresentation: signature),
                let key = try? P384.Signing.PublicKey(rawRepresentation: publicKey)
            else { return false }
            return key.isValidSignature(raw, for: message)
        case .ed25519:
            guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return false }
            return key.isValidSignature(signature, for: message)
        default: return false
        }
    }

    func mac(_ message: [UInt8]) -> [UInt8] {
        kind == .hmacSHA384
            ? Array(HMAC<SHA384>.authenticationCode(for: message, using: symmetric))
            : Array(HMAC<SHA256>.authenticationCode(for: message, using: symmetric))
    }

    func derive(_ info: [UInt8], bytes: Int) -> SecretBytes {
        let key =
            kind == .hkdfSHA384
            ? HKDF<SHA384>.deriveKey(inputKeyMaterial: symmetric, info: info, outputByteCount: bytes)
            : HKDF<SHA256>.deriveKey(inputKeyMaterial: symmetric, info: info, outputByteCount: bytes)
        return key.withUnsafeBytes { SecretBytes(copying: $0) }
    }
}
