import CZstd

/// Decompresses zstd frames and refuses to produce more than `limit` bytes or to use a window above 128 MiB.
final class ZstdSource: ByteSource {
    private let upstream: any ByteSource
    private let context: OpaquePointer
    private var input: [UInt8] = []
    private var offset = 0
    private var produced = 0
    private var frameOpen = true
    private var outputPending = false
    private var finished = false
    private let limit: Int

    init(_ upstream: any ByteSource, limit: Int) throws(LayerError) {
        guard let context = ZSTD_createDCtx() else { throw LayerError("zstd: the decoder did not start") }
        self.upstream = upstream
        self.context = context
        self.limit = limit
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27)
    }

    deinit { ZSTD_freeDCtx(context) }

    func next() throws(LayerError) -> [UInt8] {
        while !finished {
            if offset == input.count && !outputPending {
                input = try upstream.next()
                offset = 0
                if input.isEmpty {
                    guard !frameOpen else { throw LayerError("zstd: ends early") }
                    finished = true
                    break
                }
            }
            let output = try decompressSome()
            if !output.isEmpty { return output }
        }
        return []
    }

    private func decompressSome() throws(LayerError) -> [UInt8] {
        var status = 0
        let capacity = 256 * 1024
        let output = input.withUnsafeBytes { source in
            [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
                var from = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: offset)
                var into = ZSTD_outBuffer(dst: target.baseAddress, size: capacity, pos: 0)
                status = ZSTD_decompressStream(context, &into, &from)
                offset = from.pos
                count = into.pos
            }
        }
        guard ZSTD_isError(status) == 0 else { throw LayerError("zstd: damaged data") }
        frameOpen = status != 0
        outputPending = frameOpen && output.count == capacity
        produced += output.count
        guard produced <= limit else { throw LayerError("zstd: inflates to more than \(limit) bytes") }
        return output
    }
}
