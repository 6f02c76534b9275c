import AgentProtocol
import CGuest
import Glibc
import Synchronization

/// Runs the multiplexer over a byte stream to the host on a thread of its own. Each stream of the multiplexer is one end
/// of a socket pair; the other end goes to whoever uses the stream, as an ordinary connected socket.
final class MuxPump: Sendable {
    /// What becomes of a stream that the host opens. The socket is the receiver's to close when it takes it.
    enum Decision: Sendable {
        case take(@Sendable (Int32) -> Void)
        case refuse(String)
    }

    private enum Command: Sendable {
        case open(target: String, socket: OpenFile)
    }

    private let commands = Mutex<[Command]>([])
    private let wakeRead: OpenFile
    private let wakeWrite: OpenFile

    init() throws(SystemFailure) {
        var pair: [Int32] = [-1, -1]
        try SystemFailure.check(cg_stream_pair(&pair), "make a socket pair")
        wakeRead = OpenFile(owning: pair[0])
        wakeWrite = OpenFile(owning: pair[1])
    }

    /// Starts pumping. `decide` is called on the pump's thread; `ended` when the byte stream is gone, and why.
    func start(
        wire: OpenFile, decide: @escaping @Sendable (String) -> Decision, ended: @escaping @Sendable (String) -> Void
    ) throws(SystemFailure) {
        try WorkThread.start {
            var reason = "the host closed the link"
            do throws(SystemFailure) {
                let loop = try MuxLoop(wire: wire, wake: self.wakeRead, decide: decide)
                while try loop.turn() {
                    for case .open(let target, let socket) in self.commands.withLock({ list in
                        defer { list = [] }
                        return list
                    }) {
                        loop.open(target: target, socket: socket)
                    }
                    try loop.settle()
                }
            } catch {
                reason = "\(error)"
            }
            ended(reason)
        }
    }

    /// Opens a stream to the host and returns its socket, which the caller owns. A refusal shows as its early end.
    func open(target: String) throws(SystemFailure) -> Int32 {
        var pair: [Int32] = [-1, -1]
        try SystemFailure.check(cg_stream_pair(&pair), "make a socket pair")
        let socket = OpenFile(owning: pair[0])
        commands.withLock { $0.append(.open(target: target, socket: socket)) }
        var byte: UInt8 = 0
        _ = cg_send(wakeWrite.number, &byte, 1)
        return pair[1]
    }
}
