import Crypto
import WireFormat

/// What one handshake binds into evidence. Made by ``RCARClient`` only: the nonce is the broker's and the
/// key was made for it.
public struct HandshakeInputs: Sendable {
    /// The public key that the broker encrypts to, as a JWK.
    public let teePublicKey: JSONValue
    /// The broker's nonce, the exact text.
    public let nonce: String

    init(teePublicKey: JSONValue, nonce: String) {
        self.teePublicKey = teePublicKey
        self.nonce = nonce
    }
}

/// Evidence as it goes to the broker.
public struct CollectedEvidence: Sendable {
    /// The technology's own JSON.
    public let primary: JSONValue
    /// The exact text that the report data covers beside key and nonce.
    public let additional: String

    /// Creates evidence.
    public init(primary: JSONValue, additional: String) {
        self.primary = primary
        self.additional = additional
    }
}

/// Where a guest's evidence comes from.
///
/// An implementation computes the report data itself, from these inputs and from what it has latched. It offers no way
/// to have report data of a caller's choosing signed (rule R1).
public protocol EvidenceSource: Sendable {
    /// The technology's name on the wire, such as `snp` or `soft-snp`.
    var technology: String { get }
    /// The init-data document whose digest the machine was launched with, the exact text.
    var initData: String { get }
    /// Makes the key of one handshake, which secrets are encrypted to. The broker's nonce came from outside the host's
    /// reach: a guest stirs it into its entropy pool first (rule R16).
    func handshakeKey(after nonce: String) async throws -> P256.KeyAgreement.PrivateKey
    /// Collects evidence for one handshake.
    func collect(_ inputs: HandshakeInputs) async throws -> CollectedEvidence
}

extension EvidenceSource {
    /// A key from the library's generator as it is.
    public func handshakeKey(after nonce: String) async throws -> P256.KeyAgreement.PrivateKey {
        P256.KeyAgreement.PrivateKey()
    }
}
