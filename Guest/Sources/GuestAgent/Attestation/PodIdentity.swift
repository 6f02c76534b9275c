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
    /// SHA-256 of the encapsulated key of the log's seal, so that the tenant can tell this guest's records from ones that
    /// the host sealed (rule R22). For the broker only.
    var logKey: SHA256Digest?
    /// How many pods this machine has served before; always 0, since a machine serves one pod (rule R4).
    let epoch: Int64 = 0

    /// The text that evidence carries beside the report and that the report covers.
    var additionalEvidence: String {
        var fields: [String: JSONValue] = [
            "binding": "launch", "epoch": .integer(epoch), "instance": .string(Hex.encode(instance)),
            "manifest": .string(manifest.hex), "tlsKey": .string(tlsKey.hex),
        ]
        if let logKey { fields["logKey"] = .string(logKey.hex) }
        return JSONValue.object(["testudo": .object(fields)]).canonicalText
    }
}
