import CLinux
import Envelope
import WireFormat

/// A root key in a file: 64 hexadecimal digits that only the broker's account may read.
///
/// Whoever reads the file opens every copy of the store. Use it for trials, or where the disk itself is protected.
public struct FileRootKey: RootKey {
    /// Always `file`.
    public let kind = "file"
    private let secret: WrappingSecret

    /// Reads the file at `path`.
    public init(file path: String) throws(RootKeyFailure) {
        secret = WrappingSecret(try Self.read(path, kind: "file", what: "root key"))
    }

    /// Makes a file with a new key; an existing one is never replaced.
    public static func create(file path: String) throws(RootKeyFailure) {
        try write(SecretBytes(random: WrappingSecret.size), to: path, kind: "file", what: "root key")
    }

    /// Wraps a 32-byte key, bound to `context`.
    public func wrap(_ key: SecretBytes, context: [UInt8]) async throws(RootKeyFailure) -> [UInt8] {
        try secret.wrap(key, context: context, kind: kind)
    }

    /// Opens what ``wrap(_:context:)`` made with the same context.
    public func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(RootKeyFailure) -> SecretBytes {
        try secret.unwrap(wrapped, context: context, kind: kind)
    }

    /// Reads 64 hexadecimal digits; white space may follow.
    static func read(_ path: String, kind: String, what: String) throws(RootKeyFailure) -> SecretBytes {
        let file = OwnerOnlyFile(kind: kind, what: what, path: path)
        let text = try file.read(limit: 256)
        let key: SecretBytes? = text.withBytes { bytes in
            let ending = bytes.dropFirst(64)
            guard bytes.count >= 64, ending.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) else { return nil }
            return withUnsafeTemporaryAllocation(byteCount: WrappingSecret.size, alignment: 16) { decoded in
                defer { cl_wipe(decoded.baseAddress, decoded.count) }
                for index in 0..<WrappingSecret.size {
                    guard let high = digit(bytes[2 * index]), let low = digit(bytes[2 * index + 1]) else { return nil }
                    decoded[index] = high << 4 | low
                }
                return SecretBytes(copying: UnsafeRawBufferPointer(decoded))
            }
        }
        guard let key else {
            throw file.failure(
                .damaged, "cannot be used", "it does not hold 64 hexadecimal digits",
                "check that the path names the right file, or restore it from a backup")
        }
        return key
    }

    /// Writes a new file of 64 hexadecimal digits.
    static func write(_ key: SecretBytes, to path: String, kind: String, what: String) throws(RootKeyFailure) {
        let text = withUnsafeTemporaryAllocation(byteCount: 2 * key.count + 1, alignment: 16) { digits in
            defer { cl_wipe(digits.baseAddress, digits.count) }
            let alphabet = Array("0123456789abcdef".utf8)
            key.withBytes { bytes in
                for (index, byte) in bytes.enumerated() {
                    digits[2 * index] = alphabet[Int(byte >> 4)]
                    digits[2 * index + 1] = alphabet[Int(byte & 15)]
                }
            }
            digits[2 * key.count] = 0x0A
            return SecretBytes(copying: UnsafeRawBufferPointer(digits))
        }
        try OwnerOnlyFile(kind: kind, what: what, path: path).write(text, replacing: false)
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x41...0x46: character - 0x41 + 10
        case 0x61...0x66: character - 0x61 + 10
        default: nil
        }
    }
}
