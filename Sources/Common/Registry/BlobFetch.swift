import Crypto
import Envelope
import HTTPExchange
import ImageFormat
import NIOCore
import Synchronization

extension RegistryClient {
    /// Streams a blob into a sink and checks its size and digest.
    ///
    /// The sink receives bytes before they are known to be genuine: it must stage them out of reach and discard them
    /// when this throws. No byte beyond the stated size reaches the sink.
    ///
    /// - Parameters:
    ///   - repository: The repository's path.
    ///   - descriptor: What to fetch.
    ///   - sink: Takes the chunks in order; the next one is read when it returns.
    public func blob(
        _ repository: String, _ descriptor: Descriptor, into sink: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        let place = "blob \(repository)@\(descriptor.digest)"
        let progress = BlobProgress(size: descriptor.size)
        try await self.session.stream(
            "/v2/\(repository)/blobs/\(descriptor.digest)", scope: "repository:\(repository):pull", place: place
        ) { chunk in
            guard progress.take(chunk) else {
                throw RegistryError(.damaged, "\(place): more than \(descriptor.size) bytes")
            }
            try await sink(chunk)
        }
        let (size, digest) = progress.result()
        guard size == descriptor.size else {
            throw RegistryError(.damaged, "\(place): \(size) bytes, not \(descriptor.size)")
        }
        guard digest == descriptor.digest.bytes else { throw RegistryError(.damaged, "\(place): wrong digest") }
    }
}

/// The running digest and size of a blob on its way.
private final class BlobProgress: Sendable {
    private struct State {
        var hash = SHA256()
        var size: Int64 = 0
    }

    private let limit: Int64
    private let state = Mutex(State())

    init(size: Int64) { self.limit = size }

    func take(_ chunk: [UInt8]) -> Bool {
        self.state.withLock { state in
            state.size += Int64(chunk.count)
            guard state.size <= self.limit else { return false }
            state.hash.update(data: chunk)
            return true
        }
    }

    func result() -> (Int64, [UInt8]) { self.state.withLock { ($0.size, Array($0.hash.finalize())) } }
}

/// Collects the chunks of a small blob.
final class ByteCollector: Sendable {
    private let state = Mutex<[UInt8]>([])

    func append(_ chunk: [UInt8]) { self.state.withLock { $0 += chunk } }

    var bytes: [UInt8] { self.state.withLock { $0 } }
}
