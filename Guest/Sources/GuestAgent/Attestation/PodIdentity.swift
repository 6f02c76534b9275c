import Envelope
import WireFormat

/// What this start of this pod is, as evidence states it.
struct PodIdentity: Sendable {
    /// SHA-256 of the init-data document: the pod.
    let manifest: SHA256Digest
    /// SHA-256 of the public half of the guest's TLS key.
    let tlsKey: SHA256Digest
    /// 16 random bytes of this boot.
    let instance: [UInt8]
    /// How many pods this machine has served before; always 0, since a machine serves one pod (rule R4).
    let epoch: Int64 = 0

    /// The text that evidence carries beside the report and that the report covers.
    var additionalEvidence: String {
        let value: JSONValue = [
            "testudo": [
                "binding": "launch", "epoch": .integer(epoch), "instance": .string(Hex.encode(instance)),
                "manifest": .string(manifest.hex), "tlsKey": .string(tlsKey.hex),
            ]
        ]
        return value.canonicalText
    }
}
