/// The media types of image documents and layers that Testudo reads or writes.
public enum MediaType {
    /// An OCI image manifest.
    public static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
    /// An OCI image index.
    public static let ociIndex = "application/vnd.oci.image.index.v1+json"
    /// An OCI image configuration.
    public static let ociConfig = "application/vnd.oci.image.config.v1+json"
    /// A Docker image manifest, schema 2.
    public static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    /// A Docker manifest list.
    public static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// A Docker image configuration.
    public static let dockerConfig = "application/vnd.docker.container.image.v1+json"
    /// The payload of a cosign signature.
    public static let cosignPayload = "application/vnd.dev.cosign.simplesigning.v1+json"

    /// What a registry is told this client understands when it asks for a manifest.
    public static let acceptedManifests = [Self.ociManifest, Self.ociIndex, Self.dockerManifest, Self.dockerIndex]

    /// Whether `type` names a list of manifests.
    public static func isIndex(_ type: String) -> Bool { type == self.ociIndex || type == self.dockerIndex }

    /// Whether `type` names the manifest of one image.
    public static func isManifest(_ type: String) -> Bool { type == self.ociManifest || type == self.dockerManifest }
}

/// How the bytes of a layer are packed and whether they are sealed.
public struct LayerForm: Hashable, Sendable {
    /// The compression of a layer's archive.
    public enum Compression: String, Sendable {
        /// A bare tar archive.
        case none = ""
        /// A tar archive in gzip.
        case gzip = "+gzip"
        /// A tar archive in Zstandard.
        case zstd = "+zstd"
    }

    /// How the archive is compressed (below the encryption).
    public let compression: Compression
    /// Whether the blob is an ocicrypt ciphertext.
    public let isEncrypted: Bool

    /// Reads the form from a layer's media type.
    ///
    /// - Returns: `nil` for a media type that is not a file system layer.
    public init?(mediaType: String) {
        var text = mediaType[...]
        let encrypted = text.hasSuffix("+encrypted")
        if encrypted { text = text.dropLast("+encrypted".count) }
        switch text {
        case "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.diff.tar":
            self.compression = .none
        case "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
            self.compression = .gzip
        case "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.zstd":
            self.compression = .zstd
        default: return nil
        }
        self.isEncrypted = encrypted
    }

    /// The OCI media type of an encrypted layer of this compression.
    public var encryptedMediaType: String {
        "application/vnd.oci.image.layer.v1.tar\(self.compression.rawValue)+encrypted"
    }

    /// The OCI media type of a plain layer of this compression.
    public var plainMediaType: String { "application/vnd.oci.image.layer.v1.tar\(self.compression.rawValue)" }
}
