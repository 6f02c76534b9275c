import AttestedChannel
import Crypto
import Envelope
import PodManifest
import Synchronization

/// The keys that the host must not be able to guess: the guest's TLS key and, for each handshake, the key that secrets
/// are encrypted to. They are made when the broker's nonce has arrived through the pinned TLS connection and has been
/// mixed into the entropy pool, so the host cannot know everything that went into them (rule R16).
final class GuestKeys: Sendable {
    private let key = Mutex<P256.Signing.PrivateKey?>(nil)
    private let mix: @Sendable ([UInt8]) throws -> Void

    /// Prepares; `mix` stirs bytes into the pool.
    init(mix: @escaping @Sendable ([UInt8]) throws -> Void = { try Entropy.mix($0) }) { self.mix = mix }

    /// Stirs the broker's nonce in, then makes the TLS key, unless there is one, the key of a handshake, and whatever else
    /// has to wait for the nonce.
    func make(
        after nonce: String, also other: @escaping @Sendable () throws -> Void = {}
    ) async throws -> P256.KeyAgreement.PrivateKey {
        try mix(Array(nonce.utf8))
        return try await Entropy.onFreshThread {
            self.key.withLock { key in
                if key == nil { key = P256.Signing.PrivateKey() }
            }
            try other()
            return P256.KeyAgreement.PrivateKey()
        }
    }

    /// The TLS key, if there is one yet.
    var made: P256.Signing.PrivateKey? { key.withLock { $0 } }
}

/// Evidence of this guest for the key broker: everything but the nonce is its own and latched (rule R1).
struct GuestEvidence: EvidenceSource {
    let device: ReportDevice
    let pod: Latch.Pod
    let instance: [UInt8]
    let keys: GuestKeys
    let log: LogStream

    var technology: String { device.technology.rawValue }
    var initData: String { String(decoding: pod.bytes, as: UTF8.self) }

    func handshakeKey(after nonce: String) async throws -> P256.KeyAgreement.PrivateKey {
        let log = log
        return try await keys.make(after: nonce) { _ = try log.sealedKeyDigest() }
    }

    func collect(_ inputs: HandshakeInputs) async throws -> CollectedEvidence {
        guard let key = keys.made else { throw EvidenceFailure("there is no TLS key before the broker's nonce") }
        let identity = PodIdentity(
            manifest: pod.digest, tlsKey: CertificateRequest.keyDigest(key.publicKey), instance: instance,
            logKey: try log.sealedKeyDigest())
        let evidence = try await device.handshakeReport(
            teePublicKey: inputs.teePublicKey, nonce: inputs.nonce, identity: identity)
        return CollectedEvidence(primary: evidence.json, additional: identity.additionalEvidence)
    }
}
