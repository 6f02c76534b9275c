import WireFormat

/// One frame of the multiplexed link between host and guest.
///
/// Layout: u32 BE stream, u8 type, u24 BE length, payload.
public struct MuxFrame: Equatable, Sendable {
    /// The kinds of frame.
    public enum Kind: UInt8, Sendable {
        /// Magic and role of the sender; everything before it is forgotten.
        case hello = 0
        /// Opens a stream: u32 BE receive window of the opener, then the UTF-8 target.
        case open = 1
        /// Bytes of a stream.
        case data = 2
        /// u32 BE bytes that the receiver may send in addition.
        case window = 3
        /// The sender will send no more bytes on this stream.
        case end = 4
        /// The stream is gone; the payload is a UTF-8 reason.
        case reset = 5
    }

    /// Bytes before the payload.
    public static let headerLength = 8
    /// The longest payload. Bounds what one frame can make the receiver buffer.
    public static let payloadLimit = 64 * 1024
    /// The longest target or reason.
    public static let textLimit = 512
    /// The first bytes of a HELLO payload; one role byte follows.
    public static let magic = Array("testudo1".utf8)

    /// What the frame is.
    public let kind: Kind
    /// The stream it belongs to; zero for HELLO only.
    public let stream: UInt32
    /// The payload, at most ``payloadLimit`` bytes.
    public let payload: [UInt8]

    init(_ kind: Kind, stream: UInt32, payload: [UInt8] = []) {
        self.kind = kind
        self.stream = stream
        self.payload = payload
    }

    static func hello(_ role: MuxRole) -> MuxFrame { MuxFrame(.hello, stream: 0, payload: magic + [role.rawValue]) }

    func encode(into output: inout [UInt8]) {
        appendBigEndian(stream, to: &output)
        output.append(kind.rawValue)
        let length = UInt32(payload.count)
        output.append(UInt8(truncatingIfNeeded: length >> 16))
        output.append(UInt8(truncatingIfNeeded: length >> 8))
        output.append(UInt8(truncatingIfNeeded: length))
        output.append(contentsOf: payload)
    }

    /// The first frame in `bytes` from `offset`, or nil when it is not whole yet.
    static func decode(_ bytes: [UInt8], at offset: Int) throws(WireError) -> MuxFrame? {
        guard bytes.count - offset >= headerLength else { return nil }
        let stream = bigEndian(bytes, at: offset)
        let type = bytes[offset + 4]
        guard let kind = Kind(rawValue: type) else {
            throw WireError(field: "mux frame type", reason: "\(type) is not a frame type")
        }
        let length = Int(bytes[offset + 5]) << 16 | Int(bytes[offset + 6]) << 8 | Int(bytes[offset + 7])
        try check(kind, stream: stream, length: length)
        let start = offset + headerLength
        guard bytes.count - start >= length else { return nil }
        return MuxFrame(kind, stream: stream, payload: Array(bytes[start..<start + length]))
    }

    /// Refuses a header whose parts cannot belong together, before its payload is waited for.
    private static func check(_ kind: Kind, stream: UInt32, length: Int) throws(WireError) {
        guard (kind == .hello) == (stream == 0) else {
            throw WireError(field: "mux frame stream", reason: "stream \(stream) cannot carry a \(kind) frame")
        }
        let allowed: ClosedRange<Int> =
            switch kind {
            case .hello: (magic.count + 1)...(magic.count + 1)
            case .open: 5...(4 + textLimit)
            case .data: 1...payloadLimit
            case .window: 4...4
            case .end: 0...0
            case .reset: 0...textLimit
            }
        guard allowed.contains(length) else {
            throw WireError(field: "mux frame length", reason: "\(length) bytes are not allowed in a \(kind) frame")
        }
    }
}

func appendBigEndian(_ value: UInt32, to output: inout [UInt8]) {
    for shift in [24, 16, 8, 0] as [UInt32] { output.append(UInt8(truncatingIfNeeded: value >> shift)) }
}

func bigEndian(_ bytes: [UInt8], at offset: Int) -> UInt32 {
    bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
}
