import Glibc

/// Keeps the beginning of what a child writes to its error stream.
///
/// The pipe is never read while the child runs, and its writing end does not block: a chatty child loses what does not
/// fit instead of filling our memory or stopping.
final class ErrorStream: Sendable {
    private let reading: OwnedDescriptor
    /// The child's end; close it once the child has it.
    let writing: OwnedDescriptor

    init() throws(MachineError) {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw MachineError(.launchFailed, "cannot make a pipe: out of descriptors") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (self.reading, self.writing) = (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
    }

    /// What the child wrote, on one line, at most 500 characters.
    func text() -> String {
        guard let descriptor = self.reading.value else { return "" }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        self.reading.close()
        guard count > 0 else { return "" }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.contains("module ui-ui-") }
        return String(lines.joined(separator: "; ").prefix(500))
    }
}
