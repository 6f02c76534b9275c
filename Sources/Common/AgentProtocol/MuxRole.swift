/// Which end of the link one is. Host streams have odd numbers, guest streams even ones.
public enum MuxRole: UInt8, Sendable {
    /// The host's end.
    case host = 0x68
    /// The guest's end.
    case guest = 0x67

    /// The other end.
    public var peer: MuxRole { self == .host ? .guest : .host }

    var firstStream: UInt32 { self == .host ? 1 : 2 }

    func owns(_ stream: UInt32) -> Bool { stream % 2 == firstStream % 2 }
}

/// What the peer did, in the order in which it did it.
public enum MuxEvent: Equatable, Sendable {
    /// The peer said HELLO. When it had said so before, all streams are gone (each had its `reset` event before this).
    case hello
    /// The peer opened a stream to `target`.
    case opened(UInt32, target: String)
    /// Bytes arrived. Call ``MuxCore/consumed(_:_:)`` when they are used up, or the peer stops sending.
    case data(UInt32, [UInt8])
    /// All bytes given to ``MuxCore/send(_:_:)`` have left the queue: more may be given.
    case writable(UInt32)
    /// The peer sends no more on this stream; the other direction lives on.
    case ended(UInt32)
    /// The peer ended the stream in both directions, or its end of the link is gone.
    case reset(UInt32, reason: String)
    /// Both directions have ended; the stream's number is free of meaning now.
    case finished(UInt32)
}
