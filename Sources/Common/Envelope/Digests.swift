import Crypto
import WireFormat

/// A SHA-256 digest.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    /// The 32 bytes of the digest.
    public let bytes: [UInt8]

    /// Takes a finished digest.
    public init(bytes: [UInt8]) throws(WireError) {
        guard bytes.count == 32 else {
            throw WireError(field: "sha256", reason: "must have 32 bytes, not \(bytes.count)")
        }
        self.bytes = bytes
    }

    /// Hashes `data`.
    public init(hashing data: some Collection<UInt8>) { bytes = Array(SHA256.hash(data: Array(data))) }

    /// Reads 64 lower-case hex digits.
    public init(hex: String) throws(WireError) {
        let bytes = try Hex.decode(hex, field: "sha256")
        guard Hex.encode(bytes) == hex else { throw WireError(field: "sha256", reason: "must be lower-case") }
        try self.init(bytes: bytes)
    }

    /// Reads `sha256:` followed by lower-case hex digits.
    public static func parse(_ text: String) throws(WireError) -> SHA256Digest {
        guard text.hasPrefix("sha256:") else { throw WireError(field: "sha256", reason: "must begin with sha256:") }
        return try SHA256Digest(hex: String(text.dropFirst(7)))
    }

    /// The digest in lower-case hex.
    public var hex: String { Hex.encode(bytes) }

    /// The digest as `sha256:hex`.
    public var description: String { "sha256:\(hex)" }
}

/// A SHA-384 digest.
public struct SHA384Digest: Hashable, Sendable, CustomStringConvertible {
    /// The 48 bytes of the digest.
    public let bytes: [UInt8]

    /// Takes a finished digest.
    public init(bytes: [UInt8]) throws(WireError) {
        guard bytes.count == 48 else {
            throw WireError(field: "sha384", reason: "must have 48 bytes, not \(bytes.count)")
        }
        self.bytes = bytes
    }

    /// Hashes `data`.
    public init(hashing data: some Collection<UInt8>) { bytes = Array(SHA384.hash(data: Array(data))) }

    /// Reads 96 lower-case hex digits.
    public init(hex: String) throws(WireError) {
        let bytes = try Hex.decode(hex, field: "sha384")
        guard Hex.encode(bytes) == hex else { throw WireError(field: "sha384", reason: "must be lower-case") }
        try self.init(bytes: bytes)
    }

    /// Reads `sha384:` followed by lower-case hex digits.
    public static func parse(_ text: String) throws(WireError) -> SHA384Digest {
        guard text.hasPrefix("sha384:") else { throw WireError(field: "sha384", reason: "must begin with sha384:") }
        return try SHA384Digest(hex: String(text.dropFirst(7)))
    }

    /// The digest in lower-case hex.
    public var hex: String { Hex.encode(bytes) }

    /// The digest as `sha384:hex`.
    public var description: String { "sha384:\(hex)" }
}

/// A SHA-512 digest.
public struct SHA512Digest: Hashable, Sendable, CustomStringConvertible {
    /// The 64 bytes of the digest.
    public let bytes: [UInt8]

    /// Takes a finished digest.
    public init(bytes: [UInt8]) throws(WireError) {
        guard bytes.count == 64 else {
            throw WireError(field: "sha512", reason: "must have 64 bytes, not \(bytes.count)")
        }
        self.bytes = bytes
    }

    /// Hashes `data`.
    public init(hashing data: some Collection<UInt8>) { bytes = Array(SHA512.hash(data: Array(data))) }

    /// Reads 128 lower-case hex digits.
    public init(hex: String) throws(WireError) {
        let bytes = try Hex.decode(hex, field: "sha512")
        guard Hex.encode(bytes) == hex else { throw WireError(field: "sha512", reason: "must be lower-case") }
        try self.init(bytes: bytes)
    }

    /// Reads `sha512:` followed by lower-case hex digits.
    public static func parse(_ text: String) throws(WireError) -> SHA512Digest {
        guard text.hasPrefix("sha512:") else { throw WireError(field: "sha512", reason: "must begin with sha512:") }
        return try SHA512Digest(hex: String(text.dropFirst(7)))
    }

    /// The digest in lower-case hex.
    public var hex: String { Hex.encode(bytes) }

    /// The digest as `sha512:hex`.
    public var description: String { "sha512:\(hex)" }
}
