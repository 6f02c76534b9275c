import Crypto
import Envelope
import struct Envelope.SHA256Digest
import WireFormat

/// One cosign signature: the signed payload and the bytes of the signature.
public struct CosignSignature: Hashable, Sendable {
    /// The payload exactly as signed.
    public let payload: [UInt8]
    /// The signature; DER for ECDSA.
    public let signature: [UInt8]

    /// The annotation of the payload's descriptor that holds the signature in base64.
    public static let annotation = "dev.cosignproject.cosign/signature"

    /// Creates a signature from its parts.
    public init(payload: [UInt8], signature: [UInt8]) {
        self.payload = payload
        self.signature = signature
    }

    /// Reads the signature from a layer of a signature manifest and the layer's blob, whose digest was checked.
    public init(layer: Descriptor, payload: [UInt8]) throws(WireError) {
        guard layer.mediaType == MediaType.cosignPayload, let text = layer.annotations[Self.annotation] else {
            throw WireError(field: "cosign signature", reason: "the layer is not a signed payload")
        }
        self.payload = payload
        self.signature = try Base64.decode(text, field: "cosign signature")
    }

    /// Signs a manifest.
    ///
    /// - Parameters:
    ///   - manifest: The manifest's digest.
    ///   - reference: The image; the claim names its repository, as cosign does.
    ///   - key: The signer's P-256 key.
    public init(
        signing manifest: SHA256Digest, of reference: ImageReference, with key: P256.Signing.PrivateKey
    ) throws {
        let claim = SignedClaim(kind: .cosign, identity: reference.name, manifestDigest: manifest)
        self.payload = claim.bytes
        self.signature = Array(try key.signature(for: SHA256.hash(data: claim.bytes)).derRepresentation)
    }

    /// The tag under which a repository keeps the signatures of a manifest.
    public static func tag(of manifest: SHA256Digest) -> String { "sha256-\(manifest.hex).sig" }

    /// Checks the signature and returns what it says.
    public func claim(verifiedBy key: CosignKey) throws(SignatureRefusal) -> SignedClaim {
        guard key.isValid(signature: self.signature, for: self.payload) else {
            throw SignatureRefusal("the cosign signature is not by the policy's key")
        }
        do {
            let claim = try SignedClaim(parsing: self.payload)
            guard claim.kind == .cosign else { throw SignatureRefusal("the signed payload is not cosign's") }
            return claim
        } catch let error as WireError {
            throw SignatureRefusal("the signed payload is malformed: \(error)")
        } catch {
            throw SignatureRefusal("the signed payload is not cosign's")
        }
    }
}

/// The manifest that keeps an image's cosign signatures.
public struct CosignSignatureManifest: Sendable {
    /// The manifest to push.
    public let manifest: ImageManifest
    /// The blobs it refers to: the configuration and the payloads.
    public let blobs: [(descriptor: Descriptor, bytes: [UInt8])]

    /// Builds the manifest of some signatures.
    public init(signatures: [CosignSignature]) {
        var layers: [Descriptor] = []
        var blobs: [(Descriptor, [UInt8])] = []
        for signature in signatures {
            let layer = Descriptor(
                mediaType: MediaType.cosignPayload, digest: SHA256Digest(hashing: signature.payload),
                size: Int64(signature.payload.count),
                annotations: [CosignSignature.annotation: Base64.encode(signature.signature)])
            layers.append(layer)
            blobs.append((layer, signature.payload))
        }
        let config: JSONValue = [
            "architecture": "", "os": "", "config": [:],
            "rootfs": ["type": "layers", "diff_ids": .array(layers.map { .string($0.digest.description) })],
        ]
        let configBytes = config.canonicalBytes
        let configDescriptor = Descriptor(
            mediaType: MediaType.ociConfig, digest: SHA256Digest(hashing: configBytes), size: Int64(configBytes.count))
        self.manifest = ImageManifest(config: configDescriptor, layers: layers)
        self.blobs = [(configDescriptor, configBytes)] + blobs
    }
}
