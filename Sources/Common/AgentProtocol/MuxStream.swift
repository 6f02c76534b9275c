import WireFormat

/// What one end knows of one stream.
struct MuxStream: Sendable {
    /// The most credit a peer may pile up; more is a broken peer.
    static let creditLimit: UInt32 = 1 << 30

    /// Bytes this end may still send.
    var sendCredit = MuxCore.window
    /// Bytes the peer may still send.
    var receiveCredit = MuxCore.window
    /// Bytes consumed here and not yet given back as credit.
    var consumed = 0
    /// Bytes that wait for credit or for the link.
    var queue: [UInt8] = []
    /// This end closed its direction; EOF leaves after the queue.
    var isClosing = false
    /// EOF has left.
    var hasEnded = false
    /// The peer has sent EOF.
    var peerHasEnded = false
}

extension MuxCore {
    /// Sends bytes on a stream, as far as the peer's credit goes; the rest is queued until more arrives.
    ///
    /// - Returns: The bytes queued now. A caller that sees this grow waits for ``MuxEvent/writable(_:)``. Bytes for a
    ///   stream that is gone or closed are dropped and zero is returned.
    @discardableResult
    public mutating func send(_ id: UInt32, _ bytes: [UInt8]) -> Int {
        guard let stream = streams[id], !stream.isClosing else { return 0 }
        streams[id]?.queue.append(contentsOf: bytes)
        flush(id)
        return streams[id]?.queue.count ?? 0
    }

    /// Bytes of a stream that wait for credit or for the link.
    public func queued(_ id: UInt32) -> Int { streams[id]?.queue.count ?? 0 }

    /// Says that `count` received bytes are used up, so that the peer may send more.
    public mutating func consumed(_ id: UInt32, _ count: Int) {
        guard var stream = streams[id], count > 0 else { return }
        stream.consumed += count
        // Credit goes back in halves of a window: one small frame for many reads.
        if stream.consumed >= Self.window / 2, !stream.peerHasEnded {
            let credit = stream.consumed
            stream.consumed = 0
            stream.receiveCredit += credit
            var payload: [UInt8] = []
            appendBigEndian(UInt32(credit), to: &payload)
            emit(.window, id, payload)
        }
        streams[id] = stream
    }

    /// Ends this direction after what is queued; the stream is gone once the peer has ended its own.
    public mutating func close(_ id: UInt32) {
        guard streams[id] != nil else { return }
        streams[id]?.isClosing = true
        flush(id)
    }

    /// Ends a stream at once in both directions.
    public mutating func reset(_ id: UInt32, reason: String) {
        guard streams.removeValue(forKey: id) != nil else { return }
        var text = Array(reason.utf8.prefix(MuxFrame.textLimit))
        while String(validating: text, as: UTF8.self) == nil { text.removeLast() }
        emit(.reset, id, text)
    }

    /// Sends what credit and the link allow, then EOF when the stream is closing.
    mutating func flush(_ id: UInt32) {
        guard var stream = streams[id] else { return }
        let ready = min(stream.queue.count, stream.sendCredit)
        let count = min(ready, max(0, Self.dataLimit - output.count))
        if count < ready { held.insert(id) }
        var start = 0
        while start < count {
            let end = min(start + MuxFrame.payloadLimit, count)
            emit(.data, id, Array(stream.queue[start..<end]))
            start = end
        }
        stream.sendCredit -= count
        if count == stream.queue.count { stream.queue = [] } else { stream.queue.removeFirst(count) }
        if stream.isClosing, stream.queue.isEmpty, !stream.hasEnded {
            emit(.end, id)
            stream.hasEnded = true
        }
        streams[id] = stream
        finishIfOver(id)
    }

    /// Forgets a stream that has ended both ways; the owner hears of it with the next received bytes at the latest.
    private mutating func finishIfOver(_ id: UInt32) {
        guard let stream = streams[id], stream.hasEnded, stream.peerHasEnded else { return }
        streams[id] = nil
        finished.append(id)
    }

    /// Applies a frame of the peer to a stream that is open here.
    mutating func update(_ id: UInt32, _ frame: MuxFrame, _ events: inout [MuxEvent]) throws(WireError) {
        guard var stream = streams[id] else { return }
        switch frame.kind {
        case .data:
            guard !stream.peerHasEnded, frame.payload.count <= stream.receiveCredit else {
                throw WireError(field: "mux data", reason: "stream \(id) got bytes beyond its window or its end")
            }
            stream.receiveCredit -= frame.payload.count
            streams[id] = stream
            events.append(.data(id, frame.payload))
        case .window:
            let credit = bigEndian(frame.payload, at: 0)
            guard credit > 0, stream.sendCredit + Int(credit) <= Int(MuxStream.creditLimit) else {
                throw WireError(field: "mux window", reason: "credit of \(credit) bytes on stream \(id)")
            }
            stream.sendCredit += Int(credit)
            let wasQueued = !stream.queue.isEmpty
            streams[id] = stream
            flush(id)
            if wasQueued, queued(id) == 0 { events.append(.writable(id)) }
        case .end:
            guard !stream.peerHasEnded else { throw WireError(field: "mux end", reason: "stream \(id) ended twice") }
            stream.peerHasEnded = true
            streams[id] = stream
            events.append(.ended(id))
            finishIfOver(id)
        case .reset:
            guard let reason = String(validating: frame.payload, as: UTF8.self) else {
                throw WireError(field: "mux reset", reason: "the reason is not UTF-8")
            }
            streams[id] = nil
            events.append(.reset(id, reason: reason))
        case .hello, .open:
            break
        }
    }
}
