import Envelope
import WireFormat

/// How a pod's log leaves the guest.
enum LogForm {
    /// In clear, for pods that are not confidential.
    case clear
    /// Sealed to the tenant.
    case sealed(LogSeal)

    /// The form for a pod. A confidential pod whose seal cannot be made gets no log in clear: it does not start.
    init(for pod: Latch.Pod, instance: [UInt8]) throws {
        guard pod.isConfidential else {
            self = .clear
            return
        }
        let recipient = try Base64.decodeURL(pod.manifest.logRecipient, field: "logs.recipient")
        let info: JSONValue = [
            "manifest": .string(pod.digest.hex), "instance": .string(Hex.encode(instance)), "epoch": 0,
        ]
        self = .sealed(try LogSeal(recipient: recipient, info: info.canonicalBytes))
    }
}
