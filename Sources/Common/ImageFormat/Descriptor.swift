import Envelope
import WireFormat

/// A reference to content by digest: the OCI content descriptor.
public struct Descriptor: Hashable, Sendable {
    /// The media type of the content.
    public var mediaType: String
    /// The SHA-256 of the content. Other algorithms are refused.
    public var digest: SHA256Digest
    /// The exact number of bytes of the content.
    public var size: Int64
    /// Free annotations; ocicrypt and cosign keep their data here.
    public var annotations: [String: String]
    /// The platform of a manifest, in an index.
    public var platform: Platform?

    /// The largest blob accepted, in bytes (16 GiB).
    public static let maximumSize: Int64 = 16 << 30
    /// The most annotations one descriptor may carry.
    static let maximumAnnotations = 128

    /// Creates a descriptor.
    public init(
        mediaType: String, digest: SHA256Digest, size: Int64, annotations: [String: String] = [:],
        platform: Platform? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.annotations = annotations
        self.platform = platform
    }

    /// Reads a descriptor; unknown fields are covered by the digest of the enclosing document and ignored.
    public init(_ value: JSONValue, path: String) throws(WireError) {
        self.mediaType = try value.requiredString("mediaType", path)
        self.digest = try SHA256Digest.parse(try value.requiredString("digest", path))
        guard let size = value["size"]?.integerValue, (0...Self.maximumSize).contains(size) else {
            throw WireError(field: "\(path).size", reason: "not an integer from 0 to \(Self.maximumSize)")
        }
        self.size = size
        self.annotations = try value.stringMap("annotations", path, limit: Self.maximumAnnotations)
        self.platform = try Platform(optional: value["platform"], path: "\(path).platform")
    }

    /// The descriptor as JSON.
    public var json: JSONValue {
        var object: [String: JSONValue] = [
            "mediaType": .string(self.mediaType), "digest": .string(self.digest.description),
            "size": .integer(self.size),
        ]
        if !self.annotations.isEmpty { object["annotations"] = .object(self.annotations.mapValues { .string($0) }) }
        if let platform = self.platform {
            object["platform"] = .object([
                "os": .string(platform.operatingSystem), "architecture": .string(platform.architecture),
            ])
        }
        return .object(object)
    }

    /// How the layer is packed, if this describes a layer.
    public var layerForm: LayerForm? { LayerForm(mediaType: self.mediaType) }
}

/// The operating system and processor an image is built for.
public struct Platform: Hashable, Sendable {
    /// The operating system, such as `linux`.
    public var operatingSystem: String
    /// The processor architecture in Go's terms, such as `amd64`.
    public var architecture: String

    /// The only platform that Testudo's guests run.
    public static let guest = Platform(operatingSystem: "linux", architecture: "amd64")

    /// Creates a platform.
    public init(operatingSystem: String, architecture: String) {
        self.operatingSystem = operatingSystem
        self.architecture = architecture
    }

    init?(optional value: JSONValue?, path: String) throws(WireError) {
        guard let value else { return nil }
        self.operatingSystem = try value.requiredString("os", path)
        self.architecture = try value.requiredString("architecture", path)
    }
}
