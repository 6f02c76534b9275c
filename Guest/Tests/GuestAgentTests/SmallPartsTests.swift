import AgentProtocol
import CGuest
import CZlib
import Glibc
import Synchronization
import Testing

@testable import GuestAgent

@Suite("Small parts of the agent")
struct SmallPartsTests {
    @Test("arguments are read, and nonsense is refused")
    func arguments() throws {
        #expect(try AgentConfiguration(arguments: []).place == .machine)
        let host = try AgentConfiguration(arguments: ["--host-runc", "--fd", "3", "--state", "/s"])
        #expect(host.place == .host(descriptor: 3))
        #expect(host.state == "/s")
        for bad in [
            ["--fd", "3"], ["--host-runc"], ["--host-runc", "--fd", "x"], ["--state", "relative"], ["--else"],
        ] {
            #expect(throws: AgentConfiguration.ArgumentError.self) { try AgentConfiguration(arguments: bad) }
        }
    }

    @Test("output is cut into lines, and long lines are broken")
    func lines() {
        var reader = LineReader()
        #expect(reader.append(Array("a\nb".utf8)) == ["a"])
        #expect(reader.append(Array("c\n\n".utf8)) == ["bc", ""])
        #expect(reader.append(Array(repeating: 120, count: 40_000)).map(\.utf8.count) == [16384, 16384])
        #expect(reader.finish().map(\.utf8.count) == [7232])
        #expect(reader.finish().isEmpty)
    }

    @Test("admission is bounded, and so is the queue before it")
    func admission() {
        let queue = AdmissionQueue(limit: 1)
        var entered = 0
        var accepted = 0
        for _ in 0..<13 { if queue.enter({ entered += 1 }) { accepted += 1 } }
        #expect(accepted == 11)
        #expect(entered == 1)
        for _ in 0..<10 { queue.leave() }
        #expect(entered == 11)
    }

    @Test("gzip comes out whole, is refused when cut or damaged, and may not burst")
    func gzip() throws {
        let plain = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let packed = try Self.compress(plain)
        #expect(try Self.inflate(packed, limit: 1 << 20) == plain)
        #expect(try Self.inflate(packed + packed, limit: 1 << 20) == plain + plain)
        #expect(throws: LayerError.self) { try Self.inflate(packed, limit: 100_000) }
        for length in [0, 1, 10, packed.count / 2, packed.count - 1] {
            #expect(throws: LayerError.self) { try Self.inflate(Array(packed.prefix(length)), limit: 1 << 20) }
        }
        var damaged = packed
        damaged[packed.count - 6] ^= 1
        #expect(throws: LayerError.self) { try Self.inflate(damaged, limit: 1 << 20) }
    }

    static func inflate(_ bytes: [UInt8], limit: Int) throws -> [UInt8] {
        let source = try GzipSource(MemorySource(bytes, piece: 333), limit: limit)
        var all: [UInt8] = []
        while true {
            let some = try source.next()
            if some.isEmpty { return all }
            all += some
        }
    }

    static func compress(_ bytes: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        deflateInit2_(&stream, 6, Z_DEFLATED, 31, 8, 0, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        defer { deflateEnd(&stream) }
        var input = bytes
        let capacity = bytes.count + 1024
        return input.withUnsafeMutableBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(capacity)
                deflate(&stream, Z_FINISH)
                count = capacity - Int(stream.avail_out)
            }
        }
    }

    @Test("the pump carries a stream both ways and refuses unknown targets with a reason")
    func pump() throws {
        var pair: [Int32] = [-1, -1]
        try SystemFailure.check(cg_stream_pair(&pair), "pair")
        let host = OpenFile(owning: pair[1])
        let pump = try MuxPump()
        try pump.start(wire: OpenFile(owning: pair[0])) { target in
            guard target == "echo" else { return .refuse("no such target") }
            return .take { socket in
                // Not on the pump's own thread, which has yet to bring the bytes.
                Task.detached {
                    let file = OpenFile(owning: socket)
                    if let bytes = try? file.readSome(limit: 100) { try? file.writeAll(bytes.reversed()) }
                }
            }
        } ended: { _ in
        }
        var core = MuxCore(role: .host)
        let good = try core.open(target: "echo")
        let bad = try core.open(target: "else")
        core.send(good, [1, 2, 3])
        try host.writeAll(core.takeOutput())
        var answer: [UInt8] = []
        var reason = ""
        var ended = false
        while answer.count < 3 || reason.isEmpty || !ended {
            for event in try core.receive(try host.readSome(limit: 4096)) {
                switch event {
                case .data(good, let bytes): answer += bytes
                case .reset(bad, let text): reason = text
                case .ended(good): ended = true
                default: break
                }
            }
            try host.writeAll(core.takeOutput())
        }
        #expect(answer == [3, 2, 1])
        #expect(reason == "no such target")
    }
}
