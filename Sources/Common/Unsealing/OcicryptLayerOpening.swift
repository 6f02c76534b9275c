import Crypto
import Envelope
import struct Envelope.SHA256Digest
import ImageFormat
import WireFormat

/// Opens an encrypted layer in two passes over its staged ciphertext.
///
/// The first pass checks the HMAC (and the blob's digest and size) over the whole ciphertext; only then is there a
/// ``OcicryptLayerDecryptor``. So no byte is decrypted, inflated or unpacked before all of them are known to be genuine.
public struct OcicryptLayerOpening {
    private let layer: Descriptor
    private let expected: [UInt8]
    private let options: OcicryptPrivateOptions
    private var authentication: HMAC<SHA256>
    private var hash = SHA256()
    private var size: Int64 = 0

    /// Prepares the first pass.
    public init(layer: Descriptor, options: OcicryptPrivateOptions) throws(WireError) {
        guard layer.layerForm?.isEncrypted == true else {
            throw WireError(field: "layer media type", reason: "\(layer.mediaType) is not an encrypted layer")
        }
        self.layer = layer
        self.expected = try OcicryptPublicOptions(layer: layer).authentication
        self.options = options
        self.authentication = HMAC<SHA256>(key: options.key.withBytes { SymmetricKey(data: $0) })
    }

    /// Takes the next chunk of the staged ciphertext.
    public mutating func authenticate(_ chunk: [UInt8]) {
        self.authentication.update(data: chunk)
        self.hash.update(data: chunk)
        self.size += Int64(chunk.count)
    }

    /// Ends the first pass.
    ///
    /// - Returns: What decrypts the same chunks, from the first.
    public consuming func authenticated() throws(OcicryptError) -> OcicryptLayerDecryptor {
        guard self.size == self.layer.size, Array(self.hash.finalize()) == self.layer.digest.bytes else {
            throw OcicryptError("the ciphertext is not \(self.layer.digest)")
        }
        guard constantTimeEqual(Array(self.authentication.finalize()), self.expected) else {
            throw OcicryptError("the HMAC of \(self.layer.digest) is wrong")
        }
        return OcicryptLayerDecryptor(options: self.options, size: self.size)
    }
}

/// Decrypts a layer whose ciphertext was authenticated. Only ``OcicryptLayerOpening`` makes one.
///
/// The digest in the private options is not compared: it is that of the layer as the sealer first saw it, and skopeo
/// compresses before it encrypts. The HMAC under the layer's key covers every byte already, and the image's
/// configuration states the digest of the unpacked archive.
public struct OcicryptLayerDecryptor {
    private let expectedSize: Int64
    private var stream: CounterModeStream
    private var size: Int64 = 0

    init(options: OcicryptPrivateOptions, size: Int64) {
        self.expectedSize = size
        self.stream = CounterModeStream(key: options.key.withBytes { SymmetricKey(data: $0) }, nonce: options.nonce)
    }

    /// Decrypts the next chunk.
    public mutating func decrypt(_ chunk: [UInt8]) throws(OcicryptError) -> [UInt8] {
        let plain = try self.stream.apply(chunk)
        self.size += Int64(plain.count)
        return plain
    }

    /// Checks that as much was decrypted as was authenticated.
    public consuming func finish() throws(OcicryptError) {
        guard self.size == self.expectedSize else {
            throw OcicryptError("\(self.size) bytes were decrypted and \(self.expectedSize) authenticated")
        }
    }
}
