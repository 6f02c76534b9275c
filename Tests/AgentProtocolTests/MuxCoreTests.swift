import AgentProtocol
import Testing
import WireFormat

/// Two ends joined by a perfect wire that delivers in pieces of random size.
private struct Link {
    var host = MuxCore(role: .host)
    var guest = MuxCore(role: .guest)
    var random: SplitMix
    var hostEvents: [MuxEvent] = []
    var guestEvents: [MuxEvent] = []

    init(seed: UInt64) { self.random = SplitMix(state: seed) }

    mutating func run() throws {
        while true {
            let down = host.takeOutput()
            let up = guest.takeOutput()
            if down.isEmpty, up.isEmpty { return }
            for piece in pieces(down) { guestEvents += try guest.receive(piece) }
            for piece in pieces(up) { hostEvents += try host.receive(piece) }
        }
    }

    private mutating func pieces(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var result: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...(rest.count < 400 ? 7 : 50_000), using: &random))
            result.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return result
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

private func received(_ events: [MuxEvent], on id: UInt32) -> [UInt8] {
    events.flatMap { event -> [UInt8] in
        if case .data(id, let bytes) = event { bytes } else { [] }
    }
}

@Suite struct MuxCoreTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `bytes arrive whole and in order under any chunking`(seed: UInt64) throws {
        var link = Link(seed: seed)
        let control = try link.host.open(target: "control")
        let dial = try link.guest.open(target: "dial:127.0.0.1:5000")
        #expect(control == 1)
        #expect(dial == 2)
        let small = Array("{\"op\":\"status\"}\n".utf8)
        let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(link.host.send(control, small) == 0)
        #expect(link.guest.send(dial, large) == 0)
        try link.run()
        #expect(link.guestEvents.contains(.opened(control, target: "control")))
        #expect(link.hostEvents.contains(.opened(dial, target: "dial:127.0.0.1:5000")))
        #expect(received(link.guestEvents, on: control) == small)
        #expect(received(link.hostEvents, on: dial) == large)
        link.host.close(control)
        link.guest.close(control)
        link.guest.reset(dial, reason: "done")
        try link.run()
        #expect(link.guestEvents.contains(.ended(control)))
        #expect(link.hostEvents.contains(.reset(dial, reason: "done")))
        #expect(link.hostEvents.contains(.finished(control)))
        #expect(link.host.streamCount == 0)
        #expect(link.guest.streamCount == 0)
    }

    @Test func `a sender stops at the window and goes on when bytes are consumed`() throws {
        var link = Link(seed: 3)
        let id = try link.host.open(target: "tls")
        let total = MuxCore.window + 100_000
        let bytes = (0..<total).map { UInt8(truncatingIfNeeded: $0) }
        #expect(link.host.send(id, bytes) == 100_000)
        link.host.close(id)
        try link.run()
        #expect(received(link.guestEvents, on: id).count == MuxCore.window)
        #expect(!link.guestEvents.contains(.ended(id)))
        link.guest.consumed(id, MuxCore.window)
        try link.run()
        #expect(received(link.guestEvents, on: id) == bytes)
        #expect(link.hostEvents.contains(.writable(id)))
        #expect(link.guestEvents.last == .ended(id))
    }

    @Test func `the stream limit holds at both ends`() throws {
        var link = Link(seed: 5)
        for _ in 0..<MuxCore.streamLimit { _ = try link.host.open(target: "t") }
        #expect(throws: WireError.self) { try link.host.open(target: "t") }
        try link.run()
        #expect(link.guest.streamCount == MuxCore.streamLimit)
        // A peer that ignores the limit gets a reset for the stream and no event reaches the owner.
        let one = frame(1 + 2 * UInt32(MuxCore.streamLimit), 1, [0, 4, 0, 0, 0x74])
        #expect(try link.guest.receive(one).isEmpty)
        #expect(!link.guest.takeOutput().isEmpty)
        #expect(link.guest.streamCount == MuxCore.streamLimit)
    }

    @Test func `hello resynchronises a link with rubbish in it and ends the streams of an earlier life`() throws {
        var guest = MuxCore(role: .guest)
        let rubbish = [UInt8](repeating: 7, count: 5000)
        #expect(try guest.receive(rubbish).isEmpty)
        var host = MuxCore(role: .host)
        let id = try host.open(target: "control")
        #expect(try guest.receive(host.takeOutput()) == [.hello, .opened(id, target: "control")])
        var next = MuxCore(role: .host)
        #expect(
            try guest.receive(next.takeOutput()) == [.reset(id, reason: "the peer started anew"), .hello])
        #expect(try next.receive(guest.takeOutput()) == [.hello])
        #expect(next.isSynchronised)
    }

    @Test func `a link without a hello is given up`() throws {
        var guest = MuxCore(role: .guest)
        #expect(throws: WireError.self) {
            for _ in 0..<70 { _ = try guest.receive([UInt8](repeating: 0, count: 65536)) }
        }
    }

    private func frame(_ stream: UInt32, _ type: UInt8, _ payload: [UInt8], length: Int? = nil) -> [UInt8] {
        let count = length ?? payload.count
        return (0..<4).map { UInt8(truncatingIfNeeded: stream >> (24 - 8 * UInt32($0))) }
            + [type, UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)] + payload
    }

    @Test func `frames that break the protocol are refused`() throws {
        let hello = Array("testudo1h".utf8)
        let open = frame(1, 1, [0, 4, 0, 0] + Array("control".utf8))
        let window = [UInt8](repeating: 1, count: MuxFrame.payloadLimit)
        let hostile: [(String, [UInt8])] = [
            ("unknown type", frame(1, 6, [])), ("data on stream 0", frame(0, 2, [1])),
            ("hello on stream 1", frame(1, 0, hello)),
            ("own role", frame(0, 0, Array("testudo1g".utf8))), ("wrong magic", frame(0, 0, Array("testudo2h".utf8))),
            ("long hello", frame(0, 0, hello + [0])), ("long data", frame(1, 2, [], length: MuxFrame.payloadLimit + 1)),
            ("empty data", frame(1, 2, [])), ("short window", frame(1, 3, [0, 0, 1])),
            ("zero credit", frame(1, 3, [0, 0, 0, 0])),
            ("too much credit", frame(1, 3, [0xff, 0, 0, 0])), ("end with payload", frame(1, 4, [0])),
            ("end twice", frame(1, 4, []) + frame(1, 4, [])), ("data after end", frame(1, 4, []) + frame(1, 2, [9])),
            ("stream never opened", frame(3, 2, [1])), ("own stream never opened", frame(2, 2, [1])),
            ("guest's number", frame(4, 1, [0, 0, 0, 1, 0x61])), ("number again", open),
            ("no target", frame(3, 1, [0, 0, 0, 1])),
            ("target not UTF-8", frame(3, 1, [0, 0, 0, 1, 0xff])),
            ("window overrun", (0..<5).flatMap { _ in frame(1, 2, window) }),
            ("reason not UTF-8", frame(1, 5, [0xc0])),
        ]
        for (name, bytes) in hostile {
            var guest = MuxCore(role: .guest)
            _ = try guest.receive(frame(0, 0, hello) + open)
            #expect(throws: WireError.self, "\(name)") { try guest.receive(bytes) }
        }
    }

    @Test func `data stays with its stream while the link takes nothing, and all of it leaves in the end`() throws {
        var link = Link(seed: 11)
        let ids = try (0..<10).map { _ in try link.host.open(target: "tls") }
        try link.run()
        let bytes = (0..<MuxCore.window).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for id in ids { link.host.send(id, bytes) }
        #expect(link.host.waiting <= MuxCore.dataLimit + 1024)
        #expect(ids.map { link.host.queued($0) }.reduce(0, +) >= 6 * MuxCore.window)
        for id in ids { link.host.close(id) }
        try link.run()
        for id in ids {
            #expect(received(link.guestEvents, on: id) == bytes)
            #expect(link.guestEvents.contains(.ended(id)))
        }
    }

    @Test func `a peer that has answers piled up and reads none is refused`() throws {
        var guest = MuxCore(role: .guest)
        var input = frame(0, 0, Array("testudo1h".utf8))
        var id: UInt32 = 1
        var most = 0
        #expect(throws: WireError.self) {
            while id < 2_000_000 {
                for case .opened(let opened, _) in try guest.receive(input) { guest.reset(opened, reason: "no") }
                most = max(most, guest.waiting)
                input = (0..<1000).flatMap { frame(id + 2 * UInt32($0), 1, [0, 0, 0, 1, 0x61]) }
                id += 2000
            }
        }
        #expect(guest.isOverrun && most < MuxCore.outputLimit + (1 << 16))
    }

    @Test func `a frame for a stream closed meanwhile is no fault`() throws {
        var link = Link(seed: 9)
        let id = try link.host.open(target: "tls")
        try link.run()
        link.guest.reset(id, reason: "refused")
        link.host.send(id, [1, 2, 3])
        try link.run()
        #expect(link.hostEvents.last == .reset(id, reason: "refused"))
        #expect(received(link.guestEvents, on: id).isEmpty)
        #expect(link.host.send(id, [1]) == 0)
    }
}
