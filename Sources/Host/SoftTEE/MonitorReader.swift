import Glibc
import Hypervisor
import WireFormat

/// Reads QEMU's monitor for two things only: that the machine is complete, and why it ended.
struct MonitorReader {
    private let descriptor: CInt
    private var framing = LineFraming()
    /// False once the monitor closed or spoke nonsense.
    private(set) var isOpen = true
    /// True once QEMU answered, which it does when the machine is complete.
    private(set) var isReady = false
    /// What the monitor said about the end.
    private(set) var cause: MachineExit.Cause?

    init(descriptor: CInt) { self.descriptor = descriptor }

    /// Reads what is there, once.
    mutating func read() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(self.descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            self.isOpen = false
            return
        }
        do {
            for line in try self.framing.receive(buffer.prefix(count)) {
                switch try QMPMessage(parsing: line) {
                case .event(let event): self.cause = self.cause ?? event.shutdownCause
                case .result: self.isReady = true
                case .greeting, .refusal: break
                }
            }
        } catch {
            self.isOpen = false
        }
    }

    /// Reads everything QEMU left behind when it ended.
    mutating func drain() {
        for _ in 0..<64 where self.isOpen { self.read() }
    }
}
