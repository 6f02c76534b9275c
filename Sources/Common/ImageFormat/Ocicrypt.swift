import Envelope
import WireFormat

/// Names and formats of ocicrypt: how an encrypted layer says who may open it.
public enum Ocicrypt {
    /// The only layer cipher: AES-256 in counter mode with an HMAC-SHA256 of the ciphertext under the same key.
    public static let cipherName = "AES_256_CTR_HMAC_SHA256"
    /// The annotation with the public options of a layer.
    public static let publicOptionsAnnotation = "org.opencontainers.image.enc.pubopts"
    /// The annotation with the private options wrapped as JWE.
    public static let jweAnnotation = "org.opencontainers.image.enc.keys.jwe"
    /// What annotations of key providers begin with.
    public static let providerAnnotationPrefix = "org.opencontainers.image.enc.keys.provider."
    /// The annotation of the Confidential Containers attestation agent.
    public static let attestationAgentAnnotation = "org.opencontainers.image.enc.keys.provider.attestation-agent"
    /// The most wrapped copies of the private options that one annotation may list.
    static let maximumPackets = 64

    /// Splits an annotation into its packets: standard base64, separated by commas.
    public static func packets(annotation: String) throws(WireError) -> [[UInt8]] {
        let parts = annotation.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= Self.maximumPackets else {
            throw WireError(field: "ocicrypt annotation", reason: "more than \(Self.maximumPackets) packets")
        }
        var packets: [[UInt8]] = []
        for part in parts { packets.append(try Base64.decode(String(part), field: "ocicrypt annotation")) }
        return packets
    }

    /// The packets of an encrypted layer, in the order of their annotations' names.
    public static func wrappedKeys(of layer: Descriptor) throws(WireError) -> [OcicryptWrappedKey] {
        var found: [OcicryptWrappedKey] = []
        for (name, text) in layer.annotations.sorted(by: { $0.key < $1.key }) {
            if name == Self.jweAnnotation {
                for packet in try self.packets(annotation: text) { found.append(.jwe(packet)) }
            } else if name.hasPrefix(Self.providerAnnotationPrefix) {
                for packet in try self.packets(annotation: text) {
                    found.append(.provider(try KeyProviderPacket(parsing: packet)))
                }
            }
        }
        return found
    }
}

/// The private options of a layer, wrapped for one recipient.
public enum OcicryptWrappedKey: Hashable, Sendable {
    /// A JWE in JSON serialisation.
    case jwe([UInt8])
    /// A packet for a key provider, which names the key that opens it.
    case provider(KeyProviderPacket)
}

/// What anybody may know of an encrypted layer.
public struct OcicryptPublicOptions: Hashable, Sendable {
    /// The HMAC-SHA256 of the whole ciphertext.
    public let authentication: [UInt8]

    /// Creates the options of a sealed layer.
    public init(authentication: [UInt8]) { self.authentication = authentication }

    /// Reads the options from a layer's annotations.
    public init(layer: Descriptor) throws(WireError) {
        guard let annotation = layer.annotations[Ocicrypt.publicOptionsAnnotation] else {
            throw WireError(field: Ocicrypt.publicOptionsAnnotation, reason: "missing")
        }
        try self.init(parsing: try Base64.decode(annotation, field: Ocicrypt.publicOptionsAnnotation))
    }

    /// Parses the JSON form.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let value = try JSONValue.parse(bytes)
        let path = "ocicrypt public options"
        guard try value.requiredString("cipher", path) == Ocicrypt.cipherName else {
            throw WireError(field: "\(path).cipher", reason: "not \(Ocicrypt.cipherName)")
        }
        self.authentication = try Base64.decode(try value.requiredString("hmac", path), field: "\(path).hmac")
        guard self.authentication.count == 32 else { throw WireError(field: "\(path).hmac", reason: "not 32 bytes") }
    }

    /// The JSON form, in the order that ocicrypt writes.
    public var bytes: [UInt8] {
        let hmac = Base64.encode(self.authentication)
        return Array("{\"cipher\":\"\(Ocicrypt.cipherName)\",\"hmac\":\"\(hmac)\",\"cipheroptions\":{}}".utf8)
    }
}

/// What only the holder of a key may know of an encrypted layer: the layer's key.
public struct OcicryptPrivateOptions: Sendable {
    /// The AES and HMAC key of this layer alone.
    public let key: SecretBytes
    /// The first counter block.
    public let nonce: [UInt8]
    /// The digest of the layer as the sealer first saw it. skopeo compresses before it encrypts and states the digest from
    /// before that, so this need not be the digest of what comes out of the cipher.
    public let plainDigest: SHA256Digest

    /// Creates the options of a layer.
    public init(key: SecretBytes, nonce: [UInt8], plainDigest: SHA256Digest) throws(WireError) {
        guard key.count == 32 else { throw WireError(field: "ocicrypt layer key", reason: "not 32 bytes") }
        guard nonce.count == 16 else { throw WireError(field: "ocicrypt nonce", reason: "not 16 bytes") }
        self.key = key
        self.nonce = nonce
        self.plainDigest = plainDigest
    }

    /// Parses the JSON form that was wrapped.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let path = "ocicrypt private options"
        // The values are secret: a parse error of the inner text must not carry any of it.
        guard let value = try? JSONValue.parse(bytes), let key = value["symkey"]?.stringValue,
            let symmetricKey = try? Base64.decode(key, field: path),
            let nonceText = value["cipheroptions"]?["nonce"]?.stringValue
        else { throw WireError(field: path, reason: "not an object with symkey, digest and cipheroptions.nonce") }
        try self.init(
            key: SecretBytes(symmetricKey), nonce: try Base64.decode(nonceText, field: "\(path).cipheroptions.nonce"),
            plainDigest: try SHA256Digest.parse(try value.requiredString("digest", path)))
    }

    /// The JSON form, to be wrapped at once. It holds the key in clear.
    public func revealedBytes() -> [UInt8] {
        let symmetricKey = Base64.encode(self.key.copyBytes())
        let nonce = Base64.encode(self.nonce)
        let text = "{\"symkey\":\"\(symmetricKey)\",\"digest\":\"\(self.plainDigest.description)\","
        return Array("\(text)\"cipheroptions\":{\"nonce\":\"\(nonce)\"}}".utf8)
    }
}
