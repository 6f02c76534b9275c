import Envelope
import Glibc
import ImageFormat
import NIOPosix
import Registry
import Unsealing
import WireFormat

/// Why an image is not run.
struct ImageRefusal: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Gets an image by digest and unpacks it: policy first, then configuration and layers; ciphertext is staged and checked
/// before it is opened; the finished tree appears under its final name in one step (rules R23 and R24).
struct ImagePull: Sendable {
    /// The registry of the pod's manifest.
    let registry: RegistryClient
    /// Which images the tenant accepts.
    let policy: SignaturePolicy
    /// Where simple-signing signatures lie, if not with the registry.
    let lookaside: LookasideStore?
    /// Fetches the key at a `kbs:///` address; nothing where pods get no keys.
    let key: (@Sendable (String) async throws -> SecretBytes)?
    /// Most bytes that an image may unpack to.
    let limit: Int64

    /// Layers that are downloaded at once.
    private static let parallel = 3

    /// Pulls `text` into the folder `folder`/rootfs and returns the image's configuration.
    func pull(_ text: String, imageKey: String?, into folder: String) async throws -> ImageConfig {
        let reference = try ImageReference(text)
        guard reference.digest != nil else { throw ImageRefusal("\(text) names no digest") }
        let image = try await registry.image(reference)
        let needs = policy.needs(for: reference)
        let signatures = try await registry.signatures(
            of: reference, digests: image.signableDigests, needs: needs, lookaside: lookaside)
        try policy.evaluate(reference, digests: image.signableDigests, signatures: signatures)
        let config = try ImageConfig(
            parsing: try await registry.blob(
                reference.repository, image.manifest.config, limit: ImageConfig.maximumBytes))
        try config.check(layers: image.manifest.layers.count)
        let staging = folder + "/staging"
        try SystemFailure.checkErrno(mkdir(staging, 0o700), "make the staging folder")
        try SystemFailure.checkErrno(mkdir(staging + "/rootfs", 0o755), "make the root folder")
        try await stage(image.manifest, reference.repository, staging)
        // Every blob is the one that was signed: only now are keys asked for.
        let options = try await options(image.manifest, imageKey: imageKey)
        try await open(image.manifest, config, options, staging)
        try SystemFailure.checkErrno(rename(staging + "/rootfs", folder + "/rootfs"), "show the unpacked image")
        rmdir(staging)
        return config
    }

    /// The private options of each encrypted layer; nothing for plain ones. One key is fetched once.
    private func options(_ manifest: ImageManifest, imageKey: String?) async throws -> [OcicryptPrivateOptions?] {
        var fetched: [String: SecretBytes] = [:]
        var list: [OcicryptPrivateOptions?] = []
        for layer in manifest.layers {
            guard let form = layer.layerForm else { throw ImageRefusal("layer type \(layer.mediaType) is not known") }
            guard form.isEncrypted else {
                list.append(nil)
                continue
            }
            guard let key else { throw ImageRefusal("the image is encrypted, and pods of this class get no keys") }
            let named = try OcicryptOpening.keyIdentifiers(of: layer)
            guard let address = imageKey ?? named.first else {
                throw ImageRefusal("the image is encrypted, and neither it nor the manifest names a key")
            }
            let secret: SecretBytes
            if let known = fetched[address] { secret = known } else { secret = try await key(address) }
            fetched[address] = secret
            list.append(try OcicryptOpening.unwrap(layer, with: try Self.key(secret, identifier: address)))
        }
        return list
    }

    /// A released secret is either a private key in PEM (for JWE packets) or a 32-byte key-encryption key.
    private static func key(_ secret: SecretBytes, identifier: String) throws -> OcicryptKey {
        if secret.count == 32 { return .keyEncryption(identifier: identifier, key: secret) }
        return try OcicryptKey(pem: String(decoding: secret.copyBytes(), as: UTF8.self))
    }

    /// Downloads all layers, up to three at a time, and checks the digest of each.
    private func stage(_ manifest: ImageManifest, _ repository: String, _ staging: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, layer) in manifest.layers.enumerated() {
                if index >= Self.parallel { try await group.next() }
                group.addTask { try await stage(layer, repository, "\(staging)/blob-\(index)") }
            }
            try await group.waitForAll()
        }
    }

    /// Opens the staged layers one after the other, bottom first.
    private func open(
        _ manifest: ImageManifest, _ config: ImageConfig, _ options: [OcicryptPrivateOptions?], _ staging: String
    ) async throws {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        defer { thread.shutdownGracefully { _ in } }
        let root = try OpenFile(opening: staging + "/rootfs", flags: O_RDONLY | O_DIRECTORY)
        var left = limit
        for (index, layer) in manifest.layers.enumerated() {
            let blob = "\(staging)/blob-\(index)"
            let opening = LayerOpening(
                layer: layer, diffID: config.diffIDs[index], options: options[index], blob: blob, limit: left)
            left -= try await thread.runIfActive { try opening.apply(to: root) }
            unlink(blob)
        }
    }

    private func stage(_ layer: Descriptor, _ repository: String, _ path: String) async throws {
        let file = try OpenFile(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        try await registry.blob(repository, layer) { chunk in try file.writeAll(chunk) }
    }
}
