import ImageFormat
import Unsealing

/// Decrypts a layer whose ciphertext has been authenticated as a whole.
final class DecryptingSource: ByteSource {
    private let upstream: any ByteSource
    private var decryptor: OcicryptLayerDecryptor

    init(_ upstream: any ByteSource, decryptor: OcicryptLayerDecryptor) {
        self.upstream = upstream
        self.decryptor = decryptor
    }

    func next() throws(LayerError) -> [UInt8] {
        let bytes = try upstream.next()
        if bytes.isEmpty { return [] }
        do throws(OcicryptError) { return try decryptor.decrypt(bytes) } catch { throw LayerError(error.description) }
    }

    /// Checks that all of the sealed layer has come through.
    func finish() throws(LayerError) {
        while !(try next()).isEmpty {}
        do throws(OcicryptError) { try decryptor.finish() } catch { throw LayerError(error.description) }
    }
}
