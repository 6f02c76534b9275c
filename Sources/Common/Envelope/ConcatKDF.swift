import Crypto
import WireFormat

/// The single-step key derivation of NIST SP 800-56A with SHA-256, as RFC 7518, section 4.6.2 uses it.
public enum ConcatKDF {
    /// Derives a key of up to 256 bits.
    ///
    /// - Parameters:
    ///   - sharedSecret: The result Z of the key agreement.
    ///   - algorithm: The name that goes into AlgorithmID: `alg` for wrapped keys, `enc` for direct agreement.
    ///   - partyU: The decoded `apu` header, empty when absent.
    ///   - partyV: The decoded `apv` header, empty when absent.
    ///   - keyBits: The length of the key in bits: a multiple of 8, 256 at most.
    public static func derive(
        sharedSecret: [UInt8], algorithm: String, partyU: [UInt8] = [], partyV: [UInt8] = [], keyBits: Int
    ) -> SymmetricKey {
        sharedSecret.withUnsafeBytes { derive($0, algorithm, partyU, partyV, keyBits) }
    }

    /// Derives a key of up to 256 bits from a result that never leaves the library's own protection.
    public static func derive(
        sharedSecret: SharedSecret, algorithm: String, partyU: [UInt8] = [], partyV: [UInt8] = [], keyBits: Int
    ) -> SymmetricKey {
        sharedSecret.withUnsafeBytes { derive($0, algorithm, partyU, partyV, keyBits) }
    }

    private static func derive(
        _ sharedSecret: UnsafeRawBufferPointer, _ algorithm: String, _ partyU: [UInt8], _ partyV: [UInt8],
        _ keyBits: Int
    ) -> SymmetricKey {
        precondition((8...256).contains(keyBits) && keyBits.isMultiple(of: 8), "one round of SHA-256 gives 256 bits")
        var info = ByteWriter()
        for part in [Array(algorithm.utf8), partyU, partyV] {
            info.u32BE(UInt32(part.count))
            info.append(part)
        }
        info.u32BE(UInt32(keyBits))
        var hash = SHA256()
        hash.update(data: [0, 0, 0, 1])
        hash.update(bufferPointer: sharedSecret)
        hash.update(data: info.bytes)
        return hash.finalize().withUnsafeBytes { SymmetricKey(data: $0.prefix(keyBits / 8)) }
    }
}
