import AgentProtocol
import NIOCore
import Synchronization

/// What the agent wants to tell the host, kept while the host is away or slow. Bounded: the oldest lines go first, and
/// the sequence numbers of sealed logs show the tenant that some are missing.
final class EventOutbox: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        var bytes = 0
        var channel: (any Channel)?
        var closed = false
    }

    /// Most bytes kept for an absent host.
    private static let limit = 4 << 20
    private let state = Mutex(State())

    /// Sends an event, now or when the host is there.
    func send(_ event: GuestEvent) {
        state.withLock { state in
            let line = event.line
            state.waiting.append(line)
            state.bytes += line.count
            var dropped = 0
            while state.bytes > Self.limit, dropped < state.waiting.count {
                state.bytes -= state.waiting[dropped].count
                dropped += 1
            }
            if dropped > 0 { state.waiting.removeFirst(dropped) }
        }
        flush()
    }

    /// Sends to this control stream from now on.
    func attach(_ channel: any Channel) {
        state.withLock { $0.channel = channel }
        flush()
    }

    /// Forgets a control stream that ended.
    func detach(_ channel: any Channel) {
        state.withLock { state in
            if state.channel === channel { state.channel = nil }
        }
    }

    /// Writes what waits, as far as the stream takes it.
    func flush() {
        let (channel, lines) = state.withLock { state -> ((any Channel)?, [[UInt8]]) in
            guard let channel = state.channel, channel.isActive, channel.isWritable else { return (nil, []) }
            let lines = state.waiting
            state.waiting = []
            state.bytes = 0
            return (channel, lines)
        }
        guard let channel, !lines.isEmpty else { return }
        var buffer = channel.allocator.buffer(capacity: lines.reduce(0) { $0 + $1.count })
        for line in lines { buffer.writeBytes(line) }
        channel.writeAndFlush(buffer, promise: nil)
    }
}
