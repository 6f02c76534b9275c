import CGuest
import Glibc

/// Joins a virtio-serial port to an ordinary socket, with one blocking thread for each direction.
///
/// Reading such a port gives "end of file" whenever the host's end is away; that is no end, the host may come back, and
/// what comes then begins with a HELLO of its own.
final class PortBridge: Sendable {
    /// The end for the multiplexer, non-blocking.
    let socket: OpenFile

    /// Opens the port and starts the threads.
    init(device: String) throws(SystemFailure) {
        let port = try OpenFile(opening: device, flags: O_RDWR)
        var pair: [Int32] = [-1, -1]
        try SystemFailure.check(cg_stream_pair(&pair), "make a socket pair")
        socket = OpenFile(owning: pair[0])
        let inner = OpenFile(owning: pair[1])
        try WorkThread.start {
            while true {
                guard let bytes = try? port.readSome(limit: 64 * 1024), !bytes.isEmpty else {
                    usleep(20_000)
                    continue
                }
                guard (try? inner.writeAll(bytes)) != nil else { return }
            }
        }
        try WorkThread.start {
            while let bytes = try? inner.readSome(limit: 64 * 1024), !bytes.isEmpty {
                // A write fails only while the host is away: what was meant for it is lost, HELLO resynchronises.
                if (try? port.writeAll(bytes)) == nil { usleep(20_000) }
            }
        }
    }
}
