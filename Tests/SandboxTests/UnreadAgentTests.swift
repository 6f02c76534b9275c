import AgentProtocol
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Sandbox

/// An agent that asks and never reads must not fill the node's memory.
@Suite struct UnreadAgentTests {
    /// A connection as the node makes it, the agent's end of it, and why it ended.
    private final class Agent: Sendable {
        let socket: CInt
        let ended = Mutex<String?>(nil)
        let connection = Mutex<AgentConnection?>(nil)

        init() async throws {
            var ends: [CInt] = [-1, -1]
            try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
            self.socket = ends[1]
            let made = try await AgentConnection.take(
                socket: ends[0], policy: DialPolicy(urls: []), confidential: true, timeline: Timeline(),
                sinks: .init(log: { _ in }, closed: { reason in self.ended.withLock { $0 = reason } }),
                loop: MultiThreadedEventLoopGroup.singleton.next())
            self.connection.withLock { $0 = made }
        }

        deinit { close(self.socket) }

        /// Writes without blocking; false when the node has let go.
        func write(_ bytes: [UInt8]) async throws -> Bool {
            var rest = bytes[...]
            var idle = 0
            while !rest.isEmpty, idle < 400 {
                let count = rest.withUnsafeBytes {
                    send(self.socket, $0.baseAddress, $0.count, CInt(Int(MSG_DONTWAIT) | Int(MSG_NOSIGNAL)))
                }
                if count > 0 {
                    rest = rest.dropFirst(count)
                    idle = 0
                } else if errno == EAGAIN {
                    idle += 1
                    try await Task.sleep(for: .milliseconds(5))
                } else {
                    return false
                }
            }
            return rest.isEmpty
        }
    }

    @Test func `the connection ends with a reason when answers pile up`() async throws {
        let agent = try await Agent()
        var core = MuxCore(role: .guest)
        _ = try await agent.write(core.takeOutput())
        var sent: UInt32 = 0
        while sent < 500_000 {
            // A thousand OPEN frames to a forbidden place, each of which gets a RESET with a reason.
            var frames: [UInt8] = []
            for _ in 0..<1000 {
                let id = 2 + 2 * sent
                frames += (0..<4).map { UInt8(truncatingIfNeeded: id >> (24 - 8 * UInt32($0))) }
                frames += [1, 0, 0, 5, 0, 0, 0, 1, UInt8(ascii: "x")]
                sent += 1
            }
            guard try await agent.write(frames) else { break }
        }
        #expect(await eventually { agent.ended.withLock { $0 } != nil })
        #expect(agent.ended.withLock { $0 } == "the agent does not read its answers")
        #expect(sent < 500_000)
    }

    @Test func `an agent that reads late gets everything`() async throws {
        let agent = try await Agent()
        let connection = try #require(agent.connection.withLock { $0 })
        var core = MuxCore(role: .guest)
        _ = try await agent.write(core.takeOutput())
        try await connection.waitForHello(within: .seconds(5))
        let total = 16 * MuxCore.window
        try await connection.loop.submit {
            // Sixteen streams, each with a full window, into a socket that takes far less at once.
            for _ in 0..<16 {
                let stream = try #require(connection.open("tls"))
                stream.write(ByteBuffer(repeating: 7, count: MuxCore.window))
            }
        }.get()
        var received = 0
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let read = await eventually {
            while true {
                let count = recv(agent.socket, &bytes, bytes.count, CInt(MSG_DONTWAIT))
                guard count > 0, let events = try? core.receive(bytes[..<count]) else { break }
                for case .data(_, let data) in events { received += data.count }
            }
            return received == total
        }
        #expect(read, "\(received) of \(total)")
        #expect(agent.ended.withLock { $0 } == nil)
        await connection.close()
    }
}
