import struct Crypto.SHA384
import struct Crypto.SHA512
import Envelope
import WireFormat

/// The only ways to make report data; no form lets a caller choose the 64 bytes (rule R1).
public enum ReportBinding {
    /// The purpose tag of ``attest(nonce:tlsKeySHA256:manifestDigest:epoch:)``.
    public static let attestPurpose = "testudo-attest-v1"

    /// The report data of the key broker's handshake: SHA-384 over canonical JSON, padded with zeros to 64 bytes.
    ///
    /// - Parameters:
    ///   - teePublicKey: The JWK that secrets are to be encrypted to.
    ///   - nonce: The broker's challenge as it came.
    ///   - additionalEvidence: The exact text that is sent beside the report; nil for versions before 0.3.0, which have none.
    public static func rcar(teePublicKey: JSONValue, nonce: String, additionalEvidence: String?) -> [UInt8] {
        var bound: [String: JSONValue] = ["tee-pubkey": teePublicKey, "nonce": .string(nonce)]
        if let additionalEvidence { bound["additional-evidence"] = .string(additionalEvidence) }
        return Array(SHA384.hash(data: JSONValue.object(bound).canonicalBytes)) + [UInt8](repeating: 0, count: 16)
    }

    /// The report data of fresh evidence for whoever asks: SHA-512 over canonical JSON under a purpose tag.
    ///
    /// The two forms cannot be taken for each other: this one fills all 64 bytes, the other ends in 16 zeros.
    public static func attest(
        nonce: [UInt8], tlsKeySHA256: SHA256Digest, manifestDigest: SHA256Digest, epoch: Int64
    ) -> [UInt8] {
        let bound: JSONValue = [
            "purpose": .string(attestPurpose), "nonce": .string(Base64.encodeURL(nonce)),
            "tlsKey": .string(tlsKeySHA256.hex), "manifest": .string(manifestDigest.hex), "epoch": .integer(epoch),
        ]
        return Array(SHA512.hash(data: bound.canonicalBytes))
    }
}
