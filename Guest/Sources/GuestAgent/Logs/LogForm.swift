import Crypto
import Envelope
import WireFormat

/// How a pod's log leaves the guest.
enum LogForm {
    /// In clear, for pods that are not confidential.
    case clear
    /// Sealed to the tenant, under an info that names this start of the pod.
    case sealed(recipient: [UInt8], info: [UInt8])

    /// The form for a pod. A confidential pod whose log cannot be sealed gets no log in clear: it does not start.
    init(for pod: Latch.Pod, instance: [UInt8]) throws {
        guard pod.isConfidential else {
            self = .clear
            return
        }
        let recipient = try Base64.decodeURL(pod.manifest.logRecipient, field: "logs.recipient")
        _ = try P256.KeyAgreement.PublicKey(x963Representation: recipient)
        let info = LogInfo(manifest: pod.digest, instance: Hex.encode(instance), epoch: 0)
        self = .sealed(recipient: recipient, info: info.bytes)
    }
}
