import AttestedChannel
import Crypto
import Envelope
import PodManifest
import Synchronization

/// The key that outlives the handshake: the guest's TLS key. It is made when the broker's nonce has arrived through the
/// pinned TLS connection and has been mixed into the entropy pool, so the host cannot know everything that went into it.
final class GuestKeys: Sendable {
    private let key = Mutex<P256.Signing.PrivateKey?>(nil)

    /// The TLS key, made at the first call.
    func tlsKey(mixing nonce: String) throws(SystemFailure) -> P256.Signing.PrivateKey {
        if let made = made { return made }
        try Entropy.mix(Array(nonce.utf8))
        return key.withLock { key in
            let made = key ?? P256.Signing.PrivateKey()
            key = made
            return made
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

    var technology: String { device.technology.rawValue }
    var initData: String { String(decoding: pod.bytes, as: UTF8.self) }

    func collect(_ inputs: HandshakeInputs) async throws -> CollectedEvidence {
        let key = try keys.tlsKey(mixing: inputs.nonce)
        let identity = PodIdentity(
            manifest: pod.digest, tlsKey: CertificateRequest.keyDigest(key.publicKey), instance: instance)
        let evidence = try await device.handshakeReport(
            teePublicKey: inputs.teePublicKey, nonce: inputs.nonce, identity: identity)
        return CollectedEvidence(primary: evidence.json, additional: identity.additionalEvidence)
    }
}
