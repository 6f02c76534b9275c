import NIOCore
import NIOHTTP1
import NIOSSL

/// One connection, used for one exchange at a time.
final class Connection: Sendable {
    private let channel: any Channel
    private let reader: NIOLoopBound<ResponseReader>
    /// The server's certificate, when TLS is spoken.
    let peerCertificate: [UInt8]?

    private init(channel: any Channel, reader: NIOLoopBound<ResponseReader>, peerCertificate: [UInt8]?) {
        self.channel = channel
        self.reader = reader
        self.peerCertificate = peerCertificate
    }

    /// Puts TLS and HTTP on a raw stream. The stream is closed when that fails.
    static func establish(over channel: any Channel, trust: TrustCheck?, timeout: TimeAmount) async throws -> Connection
    {
        do {
            let handshake = trust.map { _ in channel.eventLoop.makePromise(of: Void.self) }
            let reader = try await channel.eventLoop.submit {
                try prepare(channel, trust: trust, handshake: handshake)
            }.get()
            var certificate: [UInt8]?
            if let handshake {
                let timer = channel.eventLoop.scheduleTask(in: timeout) {
                    reader.value.end(TimeoutReached(seconds: timeout.nanoseconds / 1_000_000_000))
                }
                defer { timer.cancel() }
                try await handshake.futureResult.get()
                certificate = try await channel.eventLoop.submit {
                    try channel.pipeline.syncOperations.nioSSL_peerCertificate()?.toDERBytes()
                }.get()
            }
            return Connection(channel: channel, reader: reader, peerCertificate: certificate)
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }

    private static func prepare(
        _ channel: any Channel, trust: TrustCheck?, handshake: EventLoopPromise<Void>?
    ) throws -> NIOLoopBound<ResponseReader> {
        do {
            let pipeline = channel.pipeline.syncOperations
            if let trust { try pipeline.addHandler(try trust.handler()) }
            try pipeline.addHTTPClientHandlers()
            let reader = ResponseReader(handshake: handshake)
            try pipeline.addHandler(reader)
            return NIOLoopBound(reader, eventLoop: channel.eventLoop)
        } catch {
            handshake?.fail(error)
            throw error
        }
    }

    /// Sends a request; false when the connection turned out to be of no use any more.
    func begin(_ head: HTTPRequestHead, body: [UInt8]) async throws -> Bool {
        let reader = reader
        let sent = channel.eventLoop.flatSubmit { [loop = channel.eventLoop] in
            guard let future = reader.value.begin(head, body: body) else { return loop.makeSucceededFuture(false) }
            return future.map { true }
        }
        return try await sent.get()
    }

    /// The next part of the answer; throws when none comes in time or the task is cancelled.
    func nextPart(timeout: TimeAmount) async throws -> HTTPClientResponsePart {
        let reader = reader
        let loop = channel.eventLoop
        return try await withTaskCancellationHandler {
            try await loop.flatSubmit {
                let timer = loop.scheduleTask(in: timeout) {
                    reader.value.end(TimeoutReached(seconds: timeout.nanoseconds / 1_000_000_000))
                }
                let part = reader.value.nextPart(on: loop)
                part.whenComplete { _ in timer.cancel() }
                return part
            }.get()
        } onCancel: {
            loop.execute { reader.value.end(CancellationError()) }
        }
    }

    /// Whether the connection can carry another exchange after the one that just ended.
    func park() async -> Bool {
        let reader = reader
        let parked = channel.eventLoop.submit { () -> Bool in
            reader.value.park()
            return reader.value.isParked
        }
        return (try? await parked.get()) ?? false
    }

    func close() { channel.close(promise: nil) }
}

/// A wait that was too long.
struct TimeoutReached: Error, CustomStringConvertible {
    let seconds: Int64
    var description: String { "no answer within \(seconds) seconds" }
}
