import Envelope
import Foundation
import ImageFormat
import TestSupport
import WireFormat

/// A one-layer OCI layout, written by hand.
struct TinyImage {
    let folder: String
    let layer: [UInt8]
    let manifest: ImageManifest

    /// Writes the image; skopeo compresses layers on their way, so a layer that is to stay as it is must be compressed.
    init(in folder: String, compressed: Bool = true) throws {
        self.folder = "\(folder)/layout"
        let files = FileManager.default
        try files.createDirectory(atPath: "\(self.folder)/blobs/sha256", withIntermediateDirectories: true)
        try files.createDirectory(atPath: "\(folder)/root", withIntermediateDirectories: true)
        try Data("hello".utf8).write(to: URL(fileURLWithPath: "\(folder)/root/hello"))
        try run("tar", ["-C", "\(folder)/root", "-cf", "\(folder)/layer.tar", "."])
        let archive = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/layer.tar")))
        if compressed { try run("gzip", ["-n", "\(folder)/layer.tar"]) }
        let file = compressed ? "\(folder)/layer.tar.gz" : "\(folder)/layer.tar"
        self.layer = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        let digest = SHA256Digest(hashing: self.layer)
        let type = "application/vnd.oci.image.layer.v1.tar" + (compressed ? "+gzip" : "")
        let config: JSONValue = [
            "architecture": "amd64", "os": "linux", "config": ["Cmd": ["/hello"]],
            "rootfs": ["type": "layers", "diff_ids": [.string(SHA256Digest(hashing: archive).description)]],
        ]
        let configBytes = config.canonicalBytes
        self.manifest = ImageManifest(
            config: Descriptor(
                mediaType: MediaType.ociConfig, digest: SHA256Digest(hashing: configBytes),
                size: Int64(configBytes.count)),
            layers: [
                Descriptor(mediaType: type, digest: digest, size: Int64(self.layer.count))
            ])
        let manifestBytes = self.manifest.bytes
        for blob in [self.layer, configBytes, manifestBytes] {
            try Data(blob).write(
                to: URL(fileURLWithPath: "\(self.folder)/blobs/sha256/\(SHA256Digest(hashing: blob).hex)"))
        }
        var entry = Descriptor(
            mediaType: MediaType.ociManifest, digest: SHA256Digest(hashing: manifestBytes),
            size: Int64(manifestBytes.count))
        entry.annotations = ["org.opencontainers.image.ref.name": "t"]
        let index: JSONValue = ["schemaVersion": 2, "manifests": [entry.json]]
        try Data(index.canonicalBytes).write(to: URL(fileURLWithPath: "\(self.folder)/index.json"))
        try Data("{\"imageLayoutVersion\": \"1.0.0\"}".utf8).write(
            to: URL(fileURLWithPath: "\(self.folder)/oci-layout"))
    }
}
