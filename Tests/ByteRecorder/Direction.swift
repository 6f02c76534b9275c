import Glibc

/// One way of a relayed connection: what comes from one descriptor is written down and goes to the other.
///
/// Nothing is read while the receiver still has to take something, so that the relay never holds more than one buffer.
struct Direction {
    private static let room = 256 * 1024

    let source: CInt
    /// nil when there is nobody to pass anything to.
    let target: CInt?
    private let record: CInt
    private var pending: ArraySlice<UInt8> = []
    private(set) var isOver = false

    /// - Parameter file: Where the bytes are written; it must not be there yet.
    init(from source: CInt, to target: CInt?, file: String) throws(RecorderError) {
        (self.source, self.target) = (source, target)
        self.record = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard self.record >= 0 else { throw RecorderError("cannot write \(file): error \(errno)") }
    }

    /// What to wait for.
    var wish: pollfd {
        if self.isOver { return pollfd(fd: -1, events: 0, revents: 0) }
        if self.pending.isEmpty { return pollfd(fd: self.source, events: Int16(POLLIN), revents: 0) }
        return pollfd(fd: self.target ?? -1, events: Int16(POLLOUT), revents: 0)
    }

    /// Moves what can be moved now.
    mutating func move() throws(RecorderError) {
        guard !self.isOver else { return }
        if self.pending.isEmpty {
            var buffer = [UInt8](repeating: 0, count: Self.room)
            let count = recv(self.source, &buffer, buffer.count, CInt(MSG_DONTWAIT))
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count > 0 else { return self.end() }
            // Written down before it is passed on: a byte that arrived is a byte that was recorded.
            try writeAll(buffer[..<count], to: self.record)
            guard self.target != nil else { return }
            self.pending = buffer[..<count]
        }
        guard let target = self.target else { return }
        let count = self.pending.withUnsafeBytes {
            send(target, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { return self.end() }
        self.pending = self.pending.dropFirst(count)
    }

    private mutating func end() {
        self.isOver = true
        self.pending = []
        close(self.record)
        if let target = self.target { shutdown(target, CInt(SHUT_WR)) }
    }
}

/// Why nothing can be recorded.
struct RecorderError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Writes all of it.
func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: CInt) throws(RecorderError) {
    var rest = bytes
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw RecorderError("the record cannot be written: error \(errno)") }
        rest = rest.dropFirst(count)
    }
}
