import Envelope
import WireFormat

/// Why a signature or an image was refused. The text is for the tenant.
public struct SignatureRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// What did not hold.
    public let reason: String

    /// Creates a refusal.
    public init(_ reason: String) { self.reason = reason }

    /// The reason.
    public var description: String { self.reason }
}

/// What a signature says: that a manifest goes by a name. The "simple signing" payload, which cosign also uses.
public struct SignedClaim: Hashable, Sendable {
    /// Who made the payload.
    public enum Kind: String, Sendable {
        /// OpenPGP simple signing.
        case atomic = "atomic container signature"
        /// cosign.
        case cosign = "cosign container image signature"
    }

    /// Who made the payload.
    public var kind: Kind
    /// The reference the signer gave the image.
    public var identity: String
    /// The digest of the manifest (or index) that was signed.
    public var manifestDigest: SHA256Digest

    /// The largest payload accepted, in bytes.
    public static let maximumBytes = 64 << 10

    /// Creates a claim.
    public init(kind: Kind, identity: String, manifestDigest: SHA256Digest) {
        self.kind = kind
        self.identity = identity
        self.manifestDigest = manifestDigest
    }

    /// Parses a payload. `critical` must hold exactly the known fields, as its name demands.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.maximumBytes else {
            throw WireError(field: "signature payload", reason: "larger than \(Self.maximumBytes) bytes")
        }
        var top = try JSONFields(try JSONValue.parse(bytes), path: "signature payload")
        var critical = try JSONFields(try top.value("critical"), path: "critical")
        _ = top.optionalValue("optional")
        _ = top.optionalValue("Optional")
        try top.finish()
        let type = try critical.string("type")
        guard let kind = Kind(rawValue: type) else {
            throw WireError(field: "critical.type", reason: "not a container signature")
        }
        var identity = try JSONFields(try critical.value("identity"), path: "critical.identity")
        var image = try JSONFields(try critical.value("image"), path: "critical.image")
        try critical.finish()
        self.kind = kind
        self.identity = try identity.string("docker-reference")
        try identity.finish()
        self.manifestDigest = try SHA256Digest.parse(try image.string("docker-manifest-digest"))
        try image.finish()
    }

    /// The payload that a signer signs.
    public var bytes: [UInt8] {
        let value: JSONValue = [
            "critical": [
                "identity": ["docker-reference": .string(self.identity)],
                "image": ["docker-manifest-digest": .string(self.manifestDigest.description)],
                "type": .string(self.kind.rawValue),
            ],
            "optional": .null,
        ]
        return value.canonicalBytes
    }
}
