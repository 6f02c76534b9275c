import Envelope
import WireFormat

/// The manifest of one image: its configuration and its layers, bottom first.
public struct ImageManifest: Hashable, Sendable {
    /// The media type the manifest declares, or the OCI one if it declares none.
    public var mediaType: String
    /// The image configuration.
    public var config: Descriptor
    /// The layers, bottom first.
    public var layers: [Descriptor]
    /// Annotations of the image.
    public var annotations: [String: String]

    /// The largest manifest or index accepted, in bytes; registries limit them to the same 4 MiB.
    public static let maximumBytes = 4 << 20
    /// The most layers an image may have; overlayfs stops at a similar count.
    public static let maximumLayers = 128

    /// Creates a manifest.
    public init(
        mediaType: String = MediaType.ociManifest, config: Descriptor, layers: [Descriptor],
        annotations: [String: String] = [:]
    ) {
        self.mediaType = mediaType
        self.config = config
        self.layers = layers
        self.annotations = annotations
    }

    /// Parses the bytes of a manifest.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let value = try parseDocument(bytes, limit: Self.maximumBytes, name: "manifest")
        let declared = try value.text("mediaType", "manifest") ?? MediaType.ociManifest
        guard MediaType.isManifest(declared) else {
            throw WireError(field: "manifest.mediaType", reason: "not an image manifest")
        }
        // A document that is a manifest to one reader and an index to another could be signed as one and run as the other.
        guard value["manifests"] == nil else {
            throw WireError(field: "manifest.manifests", reason: "a manifest may not list manifests")
        }
        self.mediaType = declared
        guard let config = value["config"] else { throw WireError(field: "manifest.config", reason: "missing") }
        self.config = try Descriptor(config, path: "manifest.config")
        self.layers = []
        for (index, layer) in try value.requiredArray("layers", "manifest", limit: Self.maximumLayers).enumerated() {
            self.layers.append(try Descriptor(layer, path: "manifest.layers[\(index)]"))
        }
        self.annotations = try value.stringMap("annotations", "manifest", limit: Descriptor.maximumAnnotations)
    }

    /// The manifest as canonical JSON.
    public var bytes: [UInt8] {
        var object: [String: JSONValue] = [
            "schemaVersion": 2, "mediaType": .string(self.mediaType), "config": self.config.json,
            "layers": .array(self.layers.map(\.json)),
        ]
        if !self.annotations.isEmpty { object["annotations"] = .object(self.annotations.mapValues { .string($0) }) }
        return JSONValue.object(object).canonicalBytes
    }
}

/// A list of manifests, one for each platform.
public struct ImageIndex: Hashable, Sendable {
    /// The manifests in the order of the document.
    public var manifests: [Descriptor]

    /// The most manifests an index may list.
    public static let maximumManifests = 256

    /// Parses the bytes of an index or a Docker manifest list.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let value = try parseDocument(bytes, limit: ImageManifest.maximumBytes, name: "index")
        let declared = try value.text("mediaType", "index") ?? MediaType.ociIndex
        guard MediaType.isIndex(declared) else {
            throw WireError(field: "index.mediaType", reason: "not an image index")
        }
        guard value["layers"] == nil, value["config"] == nil else {
            throw WireError(field: "index", reason: "an index may not have layers or a configuration")
        }
        self.manifests = []
        for (place, entry) in try value.requiredArray("manifests", "index", limit: Self.maximumManifests).enumerated() {
            self.manifests.append(try Descriptor(entry, path: "index.manifests[\(place)]"))
        }
    }

    /// The manifest for a platform: the first that names it.
    public func manifest(for platform: Platform = .guest) throws(WireError) -> Descriptor {
        guard let match = self.manifests.first(where: { $0.platform == platform && MediaType.isManifest($0.mediaType) })
        else {
            throw WireError(
                field: "index.manifests",
                reason: "no manifest for \(platform.operatingSystem)/\(platform.architecture)")
        }
        return match
    }
}

/// Parses a JSON document that must be an object of schema version 2.
func parseDocument(_ bytes: [UInt8], limit: Int, name: String) throws(WireError) -> JSONValue {
    guard bytes.count <= limit else { throw WireError(field: name, reason: "larger than \(limit) bytes") }
    let value = try JSONValue.parse(bytes)
    guard value["schemaVersion"]?.integerValue == 2 else {
        throw WireError(field: "\(name).schemaVersion", reason: "not 2")
    }
    return value
}
