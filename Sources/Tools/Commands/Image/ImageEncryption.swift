import Envelope
import ImageFormat
import WireFormat

/// Copies an image while encrypting its layers.
struct ImageEncryption: Sendable {
    let source: ImageStore
    let destination: ImageStore
    let recipients: [OcicryptRecipient]

    /// What was written.
    struct Outcome: Sendable {
        let digest: SHA256Digest
        let manifest: ImageManifest
    }

    /// Encrypts every plain layer. A layer that is encrypted already would need its key to add a recipient; it is refused.
    func run(progress: Progress) async throws -> Outcome {
        var manifest = try await source.manifest()
        for (index, layer) in manifest.layers.enumerated() {
            guard let form = layer.layerForm else {
                throw CommandFailure(
                    "layer \(index + 1) of \(source) has the type \(layer.mediaType), which is not a file system")
            }
            guard !form.isEncrypted else {
                throw CommandFailure("\(source) is encrypted already", hint: "start from the plain image")
            }
            progress.step("encrypting layer \(index + 1) of \(manifest.layers.count) (\(layer.size) bytes)")
            let plain = try await source.blob(layer)
            var sealing = OcicryptSealing()
            let sealed = try sealing.seal(plain)
            try await destination.put(blob: sealed)
            manifest.layers[index] = try sealing.finish(plain: layer, recipients: recipients)
        }
        manifest.mediaType = MediaType.ociManifest
        if manifest.config.mediaType == MediaType.dockerConfig { manifest.config.mediaType = MediaType.ociConfig }
        try await destination.put(blob: try await source.blob(manifest.config))
        return Outcome(digest: try await destination.put(manifest: manifest), manifest: manifest)
    }
}
