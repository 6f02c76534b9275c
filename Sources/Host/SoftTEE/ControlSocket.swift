import CLinux
import Glibc
import Hypervisor

/// The processor's end of the socket to the node: one request comes in, events go out.
final class ControlSocket {
    let descriptor: CInt

    /// Takes the inherited socket.
    init(descriptor: CInt) { self.descriptor = descriptor }

    /// Receives the one request with its descriptors: agent, firmware, kernel, initrd, and the console if announced.
    func request() throws(SoftTEEError) -> (SoftTEERequest, [CInt]) {
        var framing = LineFraming(limit: 16 << 10)
        var received: [CInt] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var descriptors = [CInt](repeating: -1, count: 8)
            var number = descriptors.count
            let count = cl_recv_fds(self.descriptor, &buffer, buffer.count, &descriptors, &number)
            if count == -Int(EINTR) { continue }
            received += descriptors.prefix(max(0, number))
            guard count > 0 else {
                throw Self.refused("the node closed the socket before it sent a request", received)
            }
            let lines: [[UInt8]]
            let request: SoftTEERequest
            do {
                lines = try framing.receive(buffer.prefix(Int(count)))
                guard let line = lines.first else { continue }
                request = try SoftTEERequest(parsing: line)
                try request.validate()
            } catch {
                throw Self.refused("\(error)", received)
            }
            guard lines.count == 1, received.count == (request.hasConsole ? 5 : 4) else {
                throw Self.refused("the launch request came with \(received.count) descriptors", received)
            }
            return (request, received)
        }
    }

    /// Tells the node; a node that is gone is noticed by the loop, not here.
    func tell(_ event: SoftTEEEvent) {
        let line = event.line
        var place = 0
        while place < line.count {
            let count = line[place...].withUnsafeBytes {
                send(self.descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            place += count
        }
    }

    private static func refused(_ reason: String, _ descriptors: [CInt]) -> SoftTEEError {
        for descriptor in descriptors { close(descriptor) }
        return SoftTEEError(reason)
    }
}
