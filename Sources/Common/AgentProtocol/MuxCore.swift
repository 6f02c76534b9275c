import WireFormat

/// The multiplexer of the byte link between host and guest, without I/O: bytes go in, events and bytes come out.
///
/// Both ends use it. Whoever owns the link calls ``receive(_:)`` with what arrived and writes ``takeOutput()`` after
/// every call, or later while the link takes no more. A thrown error means that the peer broke the protocol: close the
/// link. Nothing the peer sends makes this end keep more than one window a stream and one partial frame, and nothing that
/// it leaves unread more than ``outputLimit``: data waits in its stream, and a peer that has this end pile up answers
/// without reading them has broken the protocol.
public struct MuxCore: Sendable {
    /// The most streams open at once, both directions together.
    public static let streamLimit = 1024
    /// Bytes that each end may send before the other has consumed some.
    public static let window = 256 * 1024
    /// Bytes skipped in search of a HELLO before the link is given up.
    public static let skipLimit = 4 * 1024 * 1024

    /// Bytes that may wait for the link before data stays in the queues of its streams.
    public static let dataLimit = 1024 * 1024
    /// Bytes of data and answers that may wait for the link. A link whose peer reads now and then stays far below: an
    /// answer to 128 KiB of data has 12 bytes.
    public static let outputLimit = 4 * 1024 * 1024

    /// Which end this is.
    public let role: MuxRole
    /// Whether the peer has said HELLO.
    public private(set) var isSynchronised = false

    var streams: [UInt32: MuxStream] = [:]
    private var nextStream: UInt32
    private var highestPeerStream: UInt32 = 0
    private var input: [UInt8] = []
    private var skipped = 0
    var output: [UInt8] = []
    /// Streams whose data waits for the output to be taken.
    var held: Set<UInt32> = []
    /// The one of them that was served last.
    private var lastServed: UInt32 = 0
    /// Streams that ended both ways and were not reported yet.
    var finished: [UInt32] = []

    /// Creates an end of a link; its HELLO is the first output.
    public init(role: MuxRole) {
        self.role = role
        self.nextStream = role.firstStream
        MuxFrame.hello(role).encode(into: &output)
    }

    /// The number of open streams.
    public var streamCount: Int { streams.count }

    /// Bytes that wait for the link.
    public var waiting: Int { output.count }

    /// Whether the peer left more unread than ``outputLimit``: every further byte from it is refused.
    public var isOverrun: Bool { output.count > Self.outputLimit }

    /// The bytes to write to the link, in order. Empties the output; data that waited for that moves up, so an owner whose
    /// link takes more calls this until nothing comes, and then looks again at what is ``queued(_:)``.
    public mutating func takeOutput() -> [UInt8] {
        let taken = output
        output = []
        guard !held.isEmpty else { return taken }
        // Beginning after the stream that was served last, so that none starves.
        let order = held.sorted()
        held = []
        let start = order.firstIndex { $0 > lastServed } ?? 0
        for id in order[start...] + order[..<start] {
            if output.count < Self.dataLimit { lastServed = id }
            flush(id)
        }
        return taken
    }

    /// Takes in bytes from the link.
    public mutating func receive(_ bytes: [UInt8]) throws(WireError) -> [MuxEvent] {
        try checkOutput()
        input.append(contentsOf: bytes)
        return try drainInput()
    }

    /// Takes in bytes from the link.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) throws(WireError) -> [MuxEvent] {
        try checkOutput()
        input.append(contentsOf: bytes)
        return try drainInput()
    }

    /// Opens a stream to `target` of the peer and returns its number.
    public mutating func open(target: String) throws(WireError) -> UInt32 {
        let text = Array(target.utf8)
        guard !text.isEmpty, text.count <= MuxFrame.textLimit else {
            throw WireError(field: "mux target", reason: "\(text.count) bytes are not between 1 and 512")
        }
        guard streams.count < Self.streamLimit, nextStream < UInt32.max - 2 else {
            throw WireError(field: "mux streams", reason: "\(Self.streamLimit) streams are open already")
        }
        let id = nextStream
        nextStream += 2
        streams[id] = MuxStream()
        var payload: [UInt8] = []
        appendBigEndian(UInt32(Self.window), to: &payload)
        emit(.open, id, payload + text)
        return id
    }

    /// Forgets the peer and every stream, says HELLO again and waits for the peer's: for a link that was reopened.
    public mutating func resynchronise() -> [MuxEvent] {
        let events = dropStreams(reason: "the link was reopened")
        input = []
        output = []
        skipped = 0
        isSynchronised = false
        MuxFrame.hello(role).encode(into: &output)
        return events
    }

    func knows(_ id: UInt32) -> Bool { role.owns(id) ? id < nextStream : id <= highestPeerStream }

    mutating func emit(_ kind: MuxFrame.Kind, _ id: UInt32, _ payload: [UInt8] = []) {
        MuxFrame(kind, stream: id, payload: payload).encode(into: &output)
    }

    private func checkOutput() throws(WireError) {
        guard !isOverrun else {
            throw WireError(field: "mux output", reason: "the peer does not read: \(output.count) bytes wait for it")
        }
    }

    private mutating func drainInput() throws(WireError) -> [MuxEvent] {
        var events: [MuxEvent] = []
        var offset = 0
        if !isSynchronised {
            guard let found = try findHello() else { return [] }
            offset = found
            isSynchronised = true
            events.append(.hello)
        }
        while let frame = try MuxFrame.decode(input, at: offset) {
            offset += MuxFrame.headerLength + frame.payload.count
            try handle(frame, &events)
        }
        if offset > 0 { input.removeFirst(offset) }
        events += finished.map { .finished($0) }
        finished = []
        return events
    }

    /// The offset after the peer's first HELLO in the input; what lies before it belongs to an earlier life.
    private mutating func findHello() throws(WireError) -> Int? {
        var wanted: [UInt8] = []
        MuxFrame.hello(role.peer).encode(into: &wanted)
        var start = 0
        while input.count - start >= wanted.count {
            if input[start..<start + wanted.count].elementsEqual(wanted) { return start + wanted.count }
            start += 1
        }
        input.removeFirst(start)
        skipped += start
        guard skipped <= Self.skipLimit else {
            throw WireError(field: "mux hello", reason: "the peer sent \(skipped) bytes and no HELLO")
        }
        return nil
    }

    private mutating func handle(_ frame: MuxFrame, _ events: inout [MuxEvent]) throws(WireError) {
        let id = frame.stream
        switch frame.kind {
        case .hello:
            try restart(frame.payload, &events)
        case .open:
            try accept(id, frame.payload, &events)
        case .data, .window, .end, .reset:
            guard knows(id) else {
                throw WireError(field: "mux frame stream", reason: "stream \(id) was never opened")
            }
            // A frame for a stream that this end has closed meanwhile was on its way: no fault of the peer.
            guard streams[id] != nil else { return }
            try update(id, frame, &events)
        }
    }

    private mutating func restart(_ payload: [UInt8], _ events: inout [MuxEvent]) throws(WireError) {
        guard payload == MuxFrame.magic + [role.peer.rawValue] else {
            throw WireError(field: "mux hello", reason: "wrong magic or role")
        }
        events += dropStreams(reason: "the peer started anew")
        output = []
        highestPeerStream = 0
        MuxFrame.hello(role).encode(into: &output)
        events.append(.hello)
    }

    private mutating func dropStreams(reason: String) -> [MuxEvent] {
        let events = streams.keys.sorted().map { MuxEvent.reset($0, reason: reason) }
        streams = [:]
        held = []
        highestPeerStream = 0
        return events
    }

    private mutating func accept(_ id: UInt32, _ payload: [UInt8], _ events: inout [MuxEvent]) throws(WireError) {
        guard role.peer.owns(id), id > highestPeerStream else {
            throw WireError(field: "mux open", reason: "the peer may not open stream \(id) now")
        }
        highestPeerStream = id
        let credit = bigEndian(payload, at: 0)
        guard credit <= MuxStream.creditLimit, let target = String(validating: payload[4...], as: UTF8.self) else {
            throw WireError(field: "mux open", reason: "no valid window and target")
        }
        guard streams.count < Self.streamLimit else {
            emit(.reset, id, Array("too many streams".utf8))
            return
        }
        streams[id] = MuxStream(sendCredit: Int(credit))
        events.append(.opened(id, target: target))
    }
}
