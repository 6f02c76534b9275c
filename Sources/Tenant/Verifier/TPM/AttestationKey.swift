import Crypto
import CryptoExtras
import Evidence
import Foundation
import WireFormat

/// The public key that a TPM is expected to sign quotes with. Why it may be trusted is for the caller to know: an endorsement,
/// a pin, or hardware evidence that names it.
public struct AttestationKey: Sendable {
    private enum Key: Sendable {
        case rsa(_RSA.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
    }

    private let key: Key
    /// What the TPM says of the key, where the key came in the TPM's own form.
    public let publicArea: TPMPublicArea?
    /// The key as SubjectPublicKeyInfo in DER.
    public let publicKeyInfo: [UInt8]

    private static let sizeLimit = 16 * 1024

    /// Reads a key in any usual form: PEM or DER (SubjectPublicKeyInfo), TPMT_PUBLIC, or TPM2B_PUBLIC.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "attestation key", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        if bytes.starts(with: Array("-----BEGIN ".utf8)) || bytes.first == 0x30 {
            try self.init(publicKeyInfo: try CertificateTable.der(of: bytes, field: "attestation key"))
        } else if bytes.count > 2, Int(bytes[0]) << 8 | Int(bytes[1]) == bytes.count - 2 {
            try self.init(publicArea: try TPMPublicArea(parsing: Array(bytes[2...])))
        } else {
            try self.init(publicArea: try TPMPublicArea(parsing: bytes))
        }
    }

    /// Reads SubjectPublicKeyInfo: RSA of at least 2048 bits, or P-256, P-384 or P-521.
    public init(publicKeyInfo: [UInt8]) throws(WireError) {
        publicArea = nil
        self.publicKeyInfo = publicKeyInfo
        if let key = try? P256.Signing.PublicKey(derRepresentation: publicKeyInfo) {
            self.key = .p256(key)
        } else if let key = try? P384.Signing.PublicKey(derRepresentation: publicKeyInfo) {
            self.key = .p384(key)
        } else if let key = try? P521.Signing.PublicKey(derRepresentation: publicKeyInfo) {
            self.key = .p521(key)
        } else if let key = try? _RSA.Signing.PublicKey(derRepresentation: publicKeyInfo) {
            self.key = .rsa(key)
        } else {
            throw WireError(
                field: "attestation key", reason: "is no RSA key of 2048 bits or more and on no known curve")
        }
    }

    /// Takes the key out of a TPM's public area.
    public init(publicArea: TPMPublicArea) throws(WireError) {
        switch publicArea.key {
        case .rsa(let bits, let exponent, let modulus):
            guard Int(bits) == modulus.count * 8 else {
                throw WireError(field: "modulus", reason: "has \(modulus.count) bytes for \(bits) bits")
            }
            var writer = ByteWriter()
            writer.u32BE(exponent == 0 ? 65_537 : exponent)
            try self.init(modulus: modulus, exponent: writer.bytes, publicArea: publicArea)
        case .ecc(let curve, _, let x, let y): try self.init(curve: curve, x: x, y: y, publicArea: publicArea)
        }
    }

    /// Takes an RSA key of at least 2048 bits by its numbers, big-endian.
    public init(modulus: [UInt8], exponent: [UInt8]) throws(WireError) {
        try self.init(modulus: modulus, exponent: exponent, publicArea: nil)
    }

    private init(modulus: [UInt8], exponent: [UInt8], publicArea: TPMPublicArea?) throws(WireError) {
        guard modulus.count <= 1024, exponent.count <= 8,
            let key = try? _RSA.Signing.PublicKey(n: Data(modulus), e: Data(exponent))
        else { throw WireError(field: "attestation key", reason: "is not an RSA key of 2048 bits or more") }
        self.key = .rsa(key)
        self.publicArea = publicArea
        publicKeyInfo = Array(key.derRepresentation)
    }

    private init(curve: UInt16, x: [UInt8], y: [UInt8], publicArea: TPMPublicArea) throws(WireError) {
        func point(_ length: Int) -> [UInt8]? {
            guard let x = Self.padded(x, to: length), let y = Self.padded(y, to: length) else { return nil }
            return x + y
        }
        // TPM_ECC_NIST_P256, P384 and P521 of the TCG algorithm registry.
        if curve == 3, let key = point(32).flatMap({ try? P256.Signing.PublicKey(rawRepresentation: $0) }) {
            self.key = .p256(key)
            publicKeyInfo = Array(key.derRepresentation)
        } else if curve == 4, let key = point(48).flatMap({ try? P384.Signing.PublicKey(rawRepresentation: $0) }) {
            self.key = .p384(key)
            publicKeyInfo = Array(key.derRepresentation)
        } else if curve == 5, let key = point(66).flatMap({ try? P521.Signing.PublicKey(rawRepresentation: $0) }) {
            self.key = .p521(key)
            publicKeyInfo = Array(key.derRepresentation)
        } else {
            throw WireError(field: "attestation key", reason: "is not a point on P-256, P-384 or P-521")
        }
        self.publicArea = publicArea
    }

    /// A big-endian number in exactly `length` bytes; nil when it needs more.
    private static func padded(_ number: [UInt8], to length: Int) -> [UInt8]? {
        let digits = Array(number.drop { $0 == 0 })
        guard digits.count <= length else { return nil }
        return Array(repeating: 0, count: length - digits.count) + digits
    }

    /// Whether the key is one of RSA.
    var isRSA: Bool { if case .rsa = key { true } else { false } }

    /// Whether both are the same key, however they were encoded.
    func hasSameKey(as other: AttestationKey) -> Bool { canonicalInfo == other.canonicalInfo }

    private var canonicalInfo: [UInt8] {
        switch key {
        case .rsa(let key): Array(key.derRepresentation)
        case .p256(let key): Array(key.derRepresentation)
        case .p384(let key): Array(key.derRepresentation)
        case .p521(let key): Array(key.derRepresentation)
        }
    }

    /// Whether `signature` is this key's over `message`.
    func isValid(_ signature: TPMSignature, over message: [UInt8]) -> Bool {
        switch signature.hash {
        case .sha1: isValid(signature, Insecure.SHA1.hash(data: message))
        case .sha256: isValid(signature, SHA256.hash(data: message))
        case .sha384: isValid(signature, SHA384.hash(data: message))
        case .sha512: isValid(signature, SHA512.hash(data: message))
        }
    }

    private func isValid(_ signature: TPMSignature, _ digest: some Digest) -> Bool {
        switch (key, signature) {
        case (.rsa(let key), .rsaSSA(_, let bytes)):
            Self.isValid(bytes, digest, key, .insecurePKCS1v1_5)
        case (.rsa(let key), .rsaPSS(_, let bytes)):
            Self.isValid(bytes, digest, key, .PSS)
        case (.p256(let key), .ecdsa(_, let r, let s)):
            Self.joined(r, s, 32).flatMap { try? P256.Signing.ECDSASignature(rawRepresentation: $0) }
                .map { key.isValidSignature($0, for: digest) } ?? false
        case (.p384(let key), .ecdsa(_, let r, let s)):
            Self.joined(r, s, 48).flatMap { try? P384.Signing.ECDSASignature(rawRepresentation: $0) }
                .map { key.isValidSignature($0, for: digest) } ?? false
        case (.p521(let key), .ecdsa(_, let r, let s)):
            Self.joined(r, s, 66).flatMap { try? P521.Signing.ECDSASignature(rawRepresentation: $0) }
                .map { key.isValidSignature($0, for: digest) } ?? false
        default: false
        }
    }

    private static func isValid(
        _ bytes: [UInt8], _ digest: some Digest, _ key: _RSA.Signing.PublicKey, _ padding: _RSA.Signing.Padding
    ) -> Bool {
        guard bytes.count == (key.keySizeInBits + 7) / 8 else { return false }
        return key.isValidSignature(.init(rawRepresentation: bytes), for: digest, padding: padding)
    }

    private static func joined(_ r: [UInt8], _ s: [UInt8], _ length: Int) -> [UInt8]? {
        guard let r = padded(r, to: length), let s = padded(s, to: length) else { return nil }
        return r + s
    }
}
