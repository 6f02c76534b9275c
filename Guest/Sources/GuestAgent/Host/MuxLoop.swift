import AgentProtocol
import CGuest
import CLinux
import Glibc
import WireFormat

/// One turn after the other of the multiplexer's thread. Not to be shared.
final class MuxLoop {
    private final class Stream {
        let socket: OpenFile
        var watched: UInt32 = 0
        /// Bytes from the host that the socket has not taken yet.
        var pending: ArraySlice<UInt8> = []
        var localEnded = false
        var peerEnded = false

        init(_ socket: OpenFile) { self.socket = socket }
    }

    private static let wireTag: UInt64 = 1 << 40
    private static let wakeTag: UInt64 = 1 << 41
    private static let readable = UInt32(CL_EPOLLIN | CL_EPOLLRDHUP)
    private static let writable = UInt32(CL_EPOLLOUT)
    private static let hungUp = UInt32(CL_EPOLLHUP | CL_EPOLLERR)

    private let wire: OpenFile
    private let wake: OpenFile
    private let set: OpenFile
    private let decide: (String) -> MuxPump.Decision
    private var core = MuxCore(role: .guest)
    private var streams: [UInt32: Stream] = [:]
    private var output: ArraySlice<UInt8> = []
    private var wireWatched: UInt32
    private var scratch = [UInt8](repeating: 0, count: 64 * 1024)

    init(wire: OpenFile, wake: OpenFile, decide: @escaping (String) -> MuxPump.Decision) throws(SystemFailure) {
        self.wire = wire
        self.wake = wake
        self.decide = decide
        wireWatched = Self.readable
        set = OpenFile(owning: try SystemFailure.check(cl_epoll_create(), "make a poll set"))
        try SystemFailure.check(cl_epoll_add(set.number, wire.number, wireWatched, Self.wireTag), "watch the port")
        try SystemFailure.check(
            cl_epoll_add(set.number, wake.number, Self.readable, Self.wakeTag), "watch the wake pipe")
        try settle()
    }

    /// Waits for something to happen and handles it. False when the host's end is gone.
    func turn() throws(SystemFailure) -> Bool {
        var ready = [cl_event](repeating: cl_event(), count: 64)
        let count = try SystemFailure.check(cl_epoll_wait(set.number, &ready, 64, -1), "wait")
        for item in ready.prefix(Int(count)) {
            switch item.tag {
            case Self.wireTag:
                if item.events & (Self.readable | Self.hungUp) != 0, try !readWire() { return false }
            case Self.wakeTag: _ = cg_receive(wake.number, &scratch, scratch.count)
            default: serve(UInt32(truncatingIfNeeded: item.tag), item.events)
            }
        }
        return true
    }

    /// Opens a stream to the host for a socket.
    func open(target: String, socket: OpenFile) {
        guard let id = try? core.open(target: target) else { return }
        add(id, socket)
    }

    /// Writes what waits for the host and watches each file for what it is wanted for.
    func settle() throws(SystemFailure) {
        while true {
            // Only what fits at once leaves the core: it is the one place that counts what waits for the host.
            if output.isEmpty { output = core.takeOutput()[...] }
            if output.isEmpty { break }
            let count = output.withUnsafeBytes { cg_send(wire.number, $0.baseAddress, $0.count) }
            if count <= 0 { break }
            output = output.dropFirst(count)
        }
        let wanted = output.isEmpty ? Self.readable : Self.readable | Self.writable
        if wanted != wireWatched {
            wireWatched = wanted
            try SystemFailure.check(cl_epoll_change(set.number, wire.number, wanted, Self.wireTag), "watch the port")
        }
        let takesMore = core.waiting < MuxCore.dataLimit
        for (id, stream) in streams {
            var bits: UInt32 = stream.pending.isEmpty ? 0 : Self.writable
            if takesMore, !stream.localEnded, core.queued(id) == 0 { bits |= Self.readable }
            guard bits != stream.watched else { continue }
            stream.watched = bits
            try SystemFailure.check(
                cl_epoll_change(set.number, stream.socket.number, bits, UInt64(id)), "watch a stream")
        }
    }

    private func add(_ id: UInt32, _ socket: OpenFile) {
        streams[id] = Stream(socket)
        if cl_epoll_add(set.number, socket.number, 0, UInt64(id)) < 0 { drop(id, reason: "out of resources") }
    }

    private func remove(_ id: UInt32) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        cl_epoll_remove(set.number, stream.socket.number)
    }

    private func drop(_ id: UInt32, reason: String) {
        core.reset(id, reason: reason)
        remove(id)
    }

    // MARK: the host's side

    private func readWire() throws(SystemFailure) -> Bool {
        while true {
            let count = cg_receive(wire.number, &scratch, scratch.count)
            if count == -Int(EAGAIN) { return true }
            if count <= 0 { return false }
            do throws(WireError) {
                for event in try core.receive(scratch[..<count]) { handle(event) }
            } catch {
                // A host that asks without reading answers is gone, or wants this guest's memory.
                if core.isOverrun { throw SystemFailure("answer a host that does not read", code: ENOBUFS) }
                for event in core.resynchronise() { handle(event) }
            }
            if count < scratch.count { return true }
        }
    }

    private func handle(_ event: MuxEvent) {
        switch event {
        case .hello, .writable, .finished: break
        case .opened(let id, let target): accept(id, target)
        case .data(let id, let bytes):
            guard let stream = streams[id] else { return core.reset(id, reason: "closed") }
            stream.pending.append(contentsOf: bytes)
            push(id, stream)
        case .ended(let id):
            guard let stream = streams[id] else { return }
            stream.peerEnded = true
            push(id, stream)
        case .reset(let id, _): remove(id)
        }
    }

    private func accept(_ id: UInt32, _ target: String) {
        switch decide(target) {
        case .refuse(let reason): core.reset(id, reason: reason)
        case .take(let receive):
            var pair: [Int32] = [-1, -1]
            guard cg_stream_pair(&pair) >= 0 else { return core.reset(id, reason: "out of resources") }
            add(id, OpenFile(owning: pair[0]))
            receive(pair[1])
        }
    }

    // MARK: the sockets' side

    private func serve(_ id: UInt32, _ bits: UInt32) {
        guard let stream = streams[id] else { return }
        if bits & Self.writable != 0 { push(id, stream) }
        if bits & Self.hungUp != 0 {
            // The user is gone in both directions: what it left behind goes out, then the stream ends.
            while true {
                let count = cg_receive(stream.socket.number, &scratch, scratch.count)
                if count <= 0 { break }
                core.send(id, Array(scratch[..<count]))
            }
            core.close(id)
            return remove(id)
        }
        if bits & Self.readable != 0, !stream.localEnded, core.queued(id) == 0 {
            let count = cg_receive(stream.socket.number, &scratch, scratch.count)
            if count > 0 {
                core.send(id, Array(scratch[..<count]))
            } else if count != -Int(EAGAIN) {
                stream.localEnded = true
                core.close(id)
                finishIfDone(id, stream)
            }
        }
    }

    private func push(_ id: UInt32, _ stream: Stream) {
        var written = 0
        while !stream.pending.isEmpty {
            let count = stream.pending.withUnsafeBytes { cg_send(stream.socket.number, $0.baseAddress, $0.count) }
            if count == -Int(EAGAIN) { break }
            if count < 0 { return drop(id, reason: "closed") }
            stream.pending = stream.pending.dropFirst(count)
            written += count
        }
        core.consumed(id, written)
        if stream.peerEnded, stream.pending.isEmpty {
            shutdown(stream.socket.number, Int32(SHUT_WR))
            finishIfDone(id, stream)
        }
    }

    private func finishIfDone(_ id: UInt32, _ stream: Stream) {
        if stream.localEnded, stream.peerEnded, stream.pending.isEmpty { remove(id) }
    }
}
