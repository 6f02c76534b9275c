import Envelope
import WireFormat

/// An OpenPGP "simple signing" signature: a signed message whose content is the claim.
public struct SimpleSignature: Hashable, Sendable {
    /// The OpenPGP message, as the signature store holds it.
    public let message: [UInt8]

    /// Creates a signature from the store's bytes.
    public init(message: [UInt8]) { self.message = message }

    /// Checks the signature against a key ring and returns what it says.
    public func claim(verifiedBy ring: OpenPGPKeyRing) throws(SignatureRefusal) -> SignedClaim {
        do {
            let message = try OpenPGPSignedMessage(parsing: self.message)
            var isSigned = false
            for key in ring.keys where !isSigned {
                if let issuer = message.signature.issuer, issuer != key.keyNumber { continue }
                isSigned = try message.signature.isValid(for: message.document, key: key)
            }
            guard isSigned else { throw SignatureRefusal("the OpenPGP signature is not by a key of the policy's ring") }
            let claim = try SignedClaim(parsing: message.document)
            guard claim.kind == .atomic else {
                throw SignatureRefusal("the signed payload is not a simple-signing claim")
            }
            return claim
        } catch let refusal as SignatureRefusal {
            throw refusal
        } catch {
            throw SignatureRefusal("the signature is malformed: \(error)")
        }
    }

    /// The place of an image's signature below a lookaside store's base address.
    public static func path(of reference: ImageReference, manifest: SHA256Digest, number: Int) -> String {
        "\(reference.repository)@sha256=\(manifest.hex)/signature-\(number)"
    }
}
