import CZlib

/// Inflates gzip, member after member, and refuses to produce more than `limit` bytes.
final class GzipSource: ByteSource {
    private let upstream: any ByteSource
    private var stream = z_stream()
    private var input: [UInt8] = []
    private var offset = 0
    private var produced = 0
    private var memberOpen = false
    private var members = 0
    private var outputPending = false
    private var finished = false
    private let limit: Int

    init(_ upstream: any ByteSource, limit: Int) throws(LayerError) {
        self.upstream = upstream
        self.limit = limit
        // 16 + 15: gzip framing only, largest window.
        guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw LayerError("gzip: the inflater did not start")
        }
    }

    deinit { inflateEnd(&stream) }

    func next() throws(LayerError) -> [UInt8] {
        while !finished {
            if offset == input.count && !outputPending {
                input = try upstream.next()
                offset = 0
                if input.isEmpty {
                    guard !memberOpen, members > 0 else { throw LayerError("gzip: ends early") }
                    finished = true
                    break
                }
            }
            let output = try inflateSome()
            if !output.isEmpty { return output }
        }
        return []
    }

    private func inflateSome() throws(LayerError) -> [UInt8] {
        var status: Int32 = Z_OK
        let capacity = 256 * 1024
        let output = input.withUnsafeMutableBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
                stream.next_in = source.baseAddress.map { $0 + offset }
                stream.avail_in = UInt32(source.count - offset)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(capacity)
                status = inflate(&stream, Z_NO_FLUSH)
                count = capacity - Int(stream.avail_out)
                offset = source.count - Int(stream.avail_in)
            }
        }
        switch status {
        case Z_OK, Z_BUF_ERROR:
            memberOpen = true
            outputPending = output.count == capacity
        case Z_STREAM_END:
            memberOpen = false
            outputPending = false
            members += 1
            inflateReset(&stream)
        default: throw LayerError("gzip: damaged data")
        }
        produced += output.count
        guard produced <= limit else { throw LayerError("gzip: inflates to more than \(limit) bytes") }
        return output
    }
}
