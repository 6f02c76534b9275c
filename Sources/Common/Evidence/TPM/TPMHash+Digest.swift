import Crypto

extension TPMHash {
    /// The digest of `bytes`.
    public func digest(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha1: Array(Insecure.SHA1.hash(data: bytes))
        case .sha256: Array(SHA256.hash(data: bytes))
        case .sha384: Array(SHA384.hash(data: bytes))
        case .sha512: Array(SHA512.hash(data: bytes))
        }
    }

    /// What a register that holds `value` holds after being extended with `digest`.
    public func extended(_ value: [UInt8], with digest: [UInt8]) -> [UInt8] { self.digest(value + digest) }
}
