import AgentProtocol
import CGuest
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GuestAgent

/// A host that asks and never reads must not fill the guest's memory.
@Suite("A host that does not read")
struct UnreadLinkTests {
    @Test("the link ends with a reason when answers pile up")
    func link() throws {
        var pair: [Int32] = [-1, -1]
        try SystemFailure.check(cg_stream_pair(&pair), "pair")
        let host = OpenFile(owning: pair[1])
        let pump = try MuxPump()
        let reason = Mutex<String?>(nil)
        try pump.start(wire: OpenFile(owning: pair[0])) { _ in
            .refuse("no such target")
        } ended: { text in
            reason.withLock { $0 = text }
        }
        var core = MuxCore(role: .host)
        try host.writeAll(core.takeOutput())
        var sent: UInt32 = 0
        while reason.withLock({ $0 == nil }), sent < 500_000 {
            // A thousand OPEN frames, each of which gets a RESET with a reason.
            var frames: [UInt8] = []
            for _ in 0..<1000 {
                let id = 1 + 2 * sent
                frames += (0..<4).map { UInt8(truncatingIfNeeded: id >> (24 - 8 * UInt32($0))) }
                frames += [1, 0, 0, 5, 0, 0, 0, 1, UInt8(ascii: "x")]
                sent += 1
            }
            // Fails when the guest has let go of the link.
            guard (try? host.writeAll(frames)) != nil else { break }
        }
        for _ in 0..<200 where reason.withLock({ $0 == nil }) { usleep(10_000) }
        #expect(reason.withLock { $0 }?.contains("does not read") == true)
        #expect(sent < 500_000)
    }

    @Test("requests wait while their answers are left unread")
    func control() async throws {
        var pair: [Int32] = [-1, -1]
        try SystemFailure.check(cg_stream_pair(&pair), "pair")
        let host = OpenFile(owning: pair[1])
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer {
            channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    ControlHandler(outbox: EventOutbox()) { ControlReply(id: $0.id, outcome: .success([:])) })
            }
        }.withConnectedSocket(pair[0]).get()
        // Lines that are no requests are answered at once: 8 MiB of them, while nobody reads the answers.
        var line = Array(repeating: UInt8(ascii: "x"), count: 7)
        line.append(10)
        let piece = Array(repeating: line, count: 8192).flatMap { $0 }
        var taken = 0
        var idle = 0
        while taken < 8 << 20, idle < 100 {
            let count = cg_send(host.number, piece, piece.count)
            if count > 0 {
                taken += count
                idle = 0
            } else {
                idle += 1
                usleep(5_000)
            }
        }
        #expect(taken < 4 << 20)
        try await channel.close().get()
    }
}
