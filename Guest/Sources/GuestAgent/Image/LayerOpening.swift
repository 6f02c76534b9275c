import Envelope
import Glibc
import ImageFormat
import Unsealing
import WireFormat

/// Turns a staged blob into files: authenticate, decrypt, inflate, check, unpack, in this order. Blocking.
struct LayerOpening: Sendable {
    /// The layer as the manifest states it.
    let layer: Descriptor
    /// Digest of the uncompressed archive as the image's configuration states it.
    let diffID: SHA256Digest
    /// What decrypts it, for an encrypted layer.
    let options: OcicryptPrivateOptions?
    /// The blob, whose digest was checked when it was staged.
    let blob: String
    /// Most bytes that may come out.
    let limit: Int64

    /// Applies the layer to `root` and returns how many bytes came out.
    func apply(to root: OpenFile) throws(LayerError) -> Int64 {
        guard let form = layer.layerForm else { throw LayerError("layer type \(layer.mediaType) is not known") }
        var source: any ByteSource = FileSource(try open())
        var decrypting: DecryptingSource?
        if form.isEncrypted {
            guard let options else { throw LayerError("layer \(layer.digest) is encrypted and there is no key") }
            let stage = DecryptingSource(source, decryptor: try authenticate(options))
            decrypting = stage
            source = stage
        }
        // An archive has at most one block of header and padding more than content for each member; this bounds both.
        let most = Int(clamping: limit + limit / 4 + (64 << 20))
        switch form.compression {
        case .none: break
        case .gzip: source = try GzipSource(source, limit: most)
        case .zstd: source = try ZstdSource(source, limit: most)
        }
        let hashing = HashingSource(source)
        var limits = TarReader.Limits()
        limits.totalBytes = limit
        try LayerUnpacker(root: root).apply(hashing, limits: limits)
        try hashing.drain()
        try decrypting?.finish()
        guard try hashing.digest() == diffID else {
            throw LayerError("layer \(layer.digest): its content is not \(diffID)")
        }
        return hashing.count
    }

    /// The first pass over the ciphertext: nothing is decrypted before all of it is known to be genuine (rule R24).
    private func authenticate(_ options: OcicryptPrivateOptions) throws(LayerError) -> OcicryptLayerDecryptor {
        var opening = try LayerError.wrap { () throws(WireError) in
            try OcicryptLayerOpening(layer: layer, options: options)
        }
        let source = FileSource(try open())
        while true {
            let bytes = try source.next()
            if bytes.isEmpty { break }
            opening.authenticate(bytes)
        }
        do throws(OcicryptError) { return try opening.authenticated() } catch { throw LayerError(error.description) }
    }

    private func open() throws(LayerError) -> OpenFile {
        do throws(SystemFailure) { return try OpenFile(opening: blob, flags: O_RDONLY) } catch {
            throw LayerError(error.description)
        }
    }
}
