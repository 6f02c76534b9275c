import Crypto
import Envelope
import WireFormat

/// Passes bytes on, counts and hashes them on the way.
final class HashingSource: ByteSource {
    private let upstream: any ByteSource
    private var hasher = SHA256()
    /// Bytes passed on so far.
    private(set) var count: Int64 = 0

    init(_ upstream: any ByteSource) { self.upstream = upstream }

    func next() throws(LayerError) -> [UInt8] {
        let bytes = try upstream.next()
        count += Int64(bytes.count)
        hasher.update(data: bytes)
        return bytes
    }

    /// Reads what is left, so that the digest covers everything up to the end.
    func drain() throws(LayerError) { while !(try next()).isEmpty {} }

    /// The SHA-256 of all bytes passed on so far.
    func digest() throws(LayerError) -> Envelope.SHA256Digest {
        let bytes = Array(hasher.finalize())
        return try LayerError.wrap { () throws(WireError) in try Envelope.SHA256Digest(bytes: bytes) }
    }
}
