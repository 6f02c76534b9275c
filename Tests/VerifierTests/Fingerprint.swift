import Crypto

/// Digests for tests.
enum Fingerprint {
    static func sha256(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }
}
