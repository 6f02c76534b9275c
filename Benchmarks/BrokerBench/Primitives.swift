import Crypto
import Glibc

/// Microseconds of processor time that the cryptography of a handshake takes by itself, with the library that the broker uses.
enum Primitives {
    /// Verifying a report: ECDSA on P-384 with SHA-384.
    static func reportCheck() throws -> Double {
        let key = P384.Signing.PrivateKey()
        let message = [UInt8](repeating: 1, count: 672)
        let signature = try key.signature(for: message)
        return measure { _ = key.publicKey.isValidSignature(signature, for: message) }
    }

    /// Checking a token: ECDSA on P-256 with SHA-256.
    static func tokenCheck() throws -> Double {
        let key = P256.Signing.PrivateKey()
        let message = [UInt8](repeating: 1, count: 3000)
        let signature = try key.signature(for: message)
        return measure { _ = key.publicKey.isValidSignature(signature, for: message) }
    }

    /// Agreeing on a key: a fresh key on P-256 and one ECDH.
    static func agreement() throws -> Double {
        let other = P256.KeyAgreement.PrivateKey().publicKey
        return measure { _ = try? P256.KeyAgreement.PrivateKey().sharedSecretFromKeyAgreement(with: other) }
    }

    private static func measure(_ body: () -> Void) -> Double {
        func used() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
        }
        for _ in 0..<50 { body() }
        let start = used()
        let count = 1000
        for _ in 0..<count { body() }
        return (used() - start) / Double(count)
    }
}
