import Envelope
import WireFormat

/// One requirement of a signature policy.
public enum SignatureRequirement: Sendable {
    /// Any image passes. Always shown to whoever reads the policy.
    case insecureAcceptAnything
    /// No image passes.
    case reject
    /// Signed by a key of an OpenPGP ring.
    case signedBy(OpenPGPKeyRing, SignedIdentity)
    /// Signed by a cosign key.
    case sigstoreSigned(CosignKey, SignedIdentity)

    init(_ value: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        let type = try fields.string("type")
        switch type {
        case "insecureAcceptAnything": self = .insecureAcceptAnything
        case "reject": self = .reject
        case "signedBy":
            guard try fields.string("keyType") == "GPGKeys" else {
                throw WireError(field: "\(path).keyType", reason: "not GPGKeys")
            }
            let data = try Self.keyData(&fields, path)
            let ring = try OpenPGPKeyRing(parsing: try Base64.decode(data, field: "\(path).keyData"))
            self = .signedBy(ring, try Self.identity(&fields, path) ?? .matchRepoDigestOrExact)
        case "sigstoreSigned":
            let data = try Self.keyData(&fields, path)
            // The format says base64; the Confidential Containers guest takes the PEM text itself. Both occur.
            let pem =
                data.hasPrefix("-----BEGIN ")
                ? data : String(decoding: try Base64.decode(data, field: "\(path).keyData"), as: UTF8.self)
            // cosign names the repository alone, so that an exact match could never hold.
            self = .sigstoreSigned(try CosignKey(pem: pem), try Self.identity(&fields, path) ?? .matchRepository)
        default: throw WireError(field: "\(path).type", reason: "not a known type")
        }
        try fields.finish()
    }

    private static func keyData(_ fields: inout JSONFields, _ path: String) throws(WireError) -> String {
        if try fields.optionalString("keyPath") != nil {
            throw WireError(
                field: "\(path).keyPath",
                reason: "a key must be inline (keyData), so that the manifest's digest covers it")
        }
        return try fields.string("keyData")
    }

    private static func identity(_ fields: inout JSONFields, _ path: String) throws(WireError) -> SignedIdentity? {
        guard let value = fields.optionalValue("signedIdentity") else { return nil }
        return try SignedIdentity(value, path: "\(path).signedIdentity")
    }

    /// Checks the requirement.
    func check(_ image: ImageReference, digests: [SHA256Digest], _ signatures: ImageSignatures) throws(SignatureRefusal)
    {
        switch self {
        case .insecureAcceptAnything: return
        case .reject: throw SignatureRefusal("the policy rejects this image")
        case .signedBy(let ring, let identity):
            var reasons: [String] = []
            for signature in signatures.simple {
                do throws(SignatureRefusal) {
                    try Self.check(try signature.claim(verifiedBy: ring), identity, image, digests)
                    return
                } catch { reasons.append(error.reason) }
            }
            throw SignatureRefusal(reasons.first ?? "the image has no simple-signing signature")
        case .sigstoreSigned(let key, let identity):
            var reasons: [String] = []
            for signature in signatures.cosign {
                do throws(SignatureRefusal) {
                    try Self.check(try signature.claim(verifiedBy: key), identity, image, digests)
                    return
                } catch { reasons.append(error.reason) }
            }
            throw SignatureRefusal(reasons.first ?? "the image has no cosign signature")
        }
    }

    private static func check(
        _ claim: SignedClaim, _ identity: SignedIdentity, _ image: ImageReference, _ digests: [SHA256Digest]
    ) throws(SignatureRefusal) {
        guard digests.contains(claim.manifestDigest) else {
            throw SignatureRefusal("the signature is for manifest \(claim.manifestDigest)")
        }
        guard identity.accepts(signed: claim.identity, for: image) else {
            throw SignatureRefusal("the signature is for the name \(claim.identity)")
        }
    }
}

/// The signatures that were found for an image, none of them checked yet.
public struct ImageSignatures: Sendable {
    /// cosign's.
    public var cosign: [CosignSignature]
    /// OpenPGP ones.
    public var simple: [SimpleSignature]

    /// Creates a collection.
    public init(cosign: [CosignSignature] = [], simple: [SimpleSignature] = []) {
        self.cosign = cosign
        self.simple = simple
    }
}
