import Envelope
import Evidence
import WireFormat

/// The answer of the attestation endpoint, in the form that `AttestedChannel.AttestedService` reads. A client trusts the
/// report alone: it computes the report data anew from the nonce it sent, the TLS key it saw and the values given here.
enum AttestationDocument {
    static func make(nonce: [UInt8], device: ReportDevice, identity: PodIdentity) async throws -> [UInt8] {
        let evidence = try await device.attestationReport(nonce: nonce, identity: identity)
        let document: JSONValue = [
            "technology": .string(device.technology.rawValue), "evidence": evidence.json,
            "manifest": .string(identity.manifest.hex), "epoch": .integer(identity.epoch),
        ]
        return document.canonicalBytes
    }
}
