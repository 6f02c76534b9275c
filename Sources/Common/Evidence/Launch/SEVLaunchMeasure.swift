import Crypto
import WireFormat

/// What the security processor answers to LAUNCH_MEASURE under SEV and SEV-ES (AMD 55766): the launch digest, bound to the
/// platform's version, the policy and a nonce of its own by a key that only the guest's owner shares with it.
public struct SEVLaunchMeasure: Equatable, Sendable {
    /// The major version of the platform's interface.
    public let apiMajor: UInt8
    /// The minor version of the platform's interface.
    public let apiMinor: UInt8
    /// The build of the platform's firmware.
    public let build: UInt8
    /// The guest's policy.
    public let policy: UInt32
    /// The launch digest, 32 bytes.
    public let digest: [UInt8]
    /// The nonce, 16 bytes.
    public let nonce: [UInt8]

    /// Describes what is measured.
    public init(
        api: (major: UInt8, minor: UInt8), build: UInt8, policy: UInt32, digest: [UInt8], nonce: [UInt8]
    ) throws(WireError) {
        guard digest.count == 32 else { throw WireError(field: "launch digest", reason: "must be 32 bytes") }
        guard nonce.count == 16 else { throw WireError(field: "measurement nonce", reason: "must be 16 bytes") }
        (apiMajor, apiMinor, self.build, self.policy) = (api.major, api.minor, build, policy)
        (self.digest, self.nonce) = (digest, nonce)
    }

    /// The answer: the authenticated measurement and the nonce, 48 bytes.
    ///
    /// - Parameter key: The transport integrity key, 16 bytes.
    public func answer(key: [UInt8]) throws(WireError) -> [UInt8] {
        guard key.count == 16 else { throw WireError(field: "transport integrity key", reason: "must be 16 bytes") }
        var writer = ByteWriter()
        writer.append([4, apiMajor, apiMinor, build])
        writer.u32LE(policy)
        writer.append(digest)
        writer.append(nonce)
        let code = HMAC<SHA256>.authenticationCode(for: writer.bytes, using: SymmetricKey(data: key))
        return Array(code) + nonce
    }
}
