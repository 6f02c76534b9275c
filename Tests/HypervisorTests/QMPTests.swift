import Glibc
import NIOCore
import NIOPosix
import Testing
import WireFormat

@testable import Hypervisor

@Suite("QEMU machine protocol")
struct QMPTests {
    static let greeting =
        #"{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7},"package":""},"capabilities":["oob"]}}"#

    /// A peer that answers each received line with what `script` gives.
    static func peer(_ socket: CInt, opening: String, _ script: @escaping @Sendable (JSONValue) -> String?) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Peer(socket: socket, opening: opening, script: script)).toOpaque()
        pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Peer>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, context)
    }

    final class Peer: Sendable {
        let socket: CInt
        let opening: String
        let script: @Sendable (JSONValue) -> String?

        init(socket: CInt, opening: String, script: @escaping @Sendable (JSONValue) -> String?) {
            self.socket = socket
            self.opening = opening
            self.script = script
        }

        func say(_ text: String) { _ = text.withCString { send(self.socket, $0, strlen($0), CInt(MSG_NOSIGNAL)) } }

        func run() {
            if !self.opening.isEmpty { self.say(self.opening + "\r\n" + #"{"return":{},"id":0}"# + "\n") }
            var framing = LineFraming()
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(self.socket, &buffer, buffer.count)
                guard count > 0, let lines = try? framing.receive(buffer.prefix(count)) else { break }
                for line in lines {
                    guard let value = try? JSONValue.parse(line), let answer = self.script(value) else {
                        close(self.socket)
                        return
                    }
                    self.say(answer)
                }
            }
            close(self.socket)
        }
    }

    static func pair() throws -> (near: CInt, far: CInt) {
        let pair = try SocketPair(for: "test")
        return (try #require(pair.near.take()), try #require(pair.far.take()))
    }

    static func answer(_ request: JSONValue, _ result: String = "{}") -> String {
        #"{"return": \#(result), "id": \#(request["id"]?.integerValue ?? -1)}"# + "\r\n"
    }

    @Test func `a conversation negotiates, answers commands and delivers events`() async throws {
        let (near, far) = try Self.pair()
        Self.peer(far, opening: Self.greeting) { request in
            switch request["execute"]?.stringValue {
            case "query-status":
                #"{"event":"RTC_CHANGE","data":{"offset":1},"timestamp":{"seconds":1,"microseconds":2}}"# + "\n"
                    + Self.answer(request, #"{"status":"running","running":true,"singlestep":false}"#)
            case "system_powerdown":
                #"{"error":{"class":"GenericError","desc":"no button"},"id":\#(request["id"]?.integerValue ?? 0)}"#
                    + "\n"
            default: Self.answer(request)
            }
        }
        let (events, sink) = AsyncStream.makeStream(of: QMPEvent.self)
        let client = try await QMPClient.connect(descriptor: near, timeout: .seconds(5)) { sink.yield($0) }
        #expect(client.version == "7.2.22")
        #expect(try await client.status() == "running")
        var iterator = events.makeAsyncIterator()
        #expect(await iterator.next()?.name == "RTC_CHANGE")
        await #expect(throws: MachineError(.monitor, "QEMU refused: no button (GenericError)")) {
            try await client.powerDown()
        }
        client.close()
    }

    @Test func `a peer that never greets, closes, or talks nonsense fails the connection`() async throws {
        let (silent, other) = try Self.pair()
        await #expect(throws: MachineError.self) {
            _ = try await QMPClient.connect(descriptor: silent, timeout: .milliseconds(50))
        }
        close(other)
        for opening in ["{", "[]", #"{"QMP":{}}"#, #"{"event":1}"#] {
            let (near, far) = try Self.pair()
            Self.peer(far, opening: opening) { _ in nil }
            await #expect(throws: MachineError.self) {
                _ = try await QMPClient.connect(descriptor: near, timeout: .seconds(5))
            }
        }
    }

    @Test func `a command without an answer ends by its deadline, one to a dying peer at once`() async throws {
        let (near, far) = try Self.pair()
        Self.peer(far, opening: Self.greeting) { request in
            switch request["execute"]?.stringValue {
            case "quit": nil
            default: ""
            }
        }
        let client = try await QMPClient.connect(descriptor: near, timeout: .seconds(5))
        await #expect(throws: MachineError(.monitor, "QEMU's monitor did not answer stop in time")) {
            _ = try await client.execute("stop", timeout: .milliseconds(50))
        }
        await #expect(throws: MachineError(.monitor, "QEMU's monitor closed")) { try await client.quit() }
    }

    @Test func `lines are bounded`() throws {
        var framing = LineFraming(limit: 4)
        #expect(try framing.receive(Array("ab\r\n\ncd".utf8)) == [Array("ab".utf8)])
        #expect(try framing.receive(Array("ef\n".utf8)) == [Array("cdef".utf8)])
        #expect(throws: WireError.self) { try framing.receive(Array("abcde".utf8)) }
    }

    @Test func `every prefix of a message is refused`() throws {
        let line = Array(Self.greeting.utf8)
        for length in 0..<line.count {
            #expect(throws: WireError.self) { try QMPMessage(parsing: Array(line.prefix(length))) }
        }
        #expect(try QMPMessage(parsing: line) == .greeting(version: "7.2.22"))
    }
}
