import Glibc

/// Puts itself between two ends of a connection and writes down every byte, in each direction, as it passes.
///
/// - `machine FOLDER QEMU ARGUMENT...` is started in QEMU's place. It hands the sockets it inherited to a recorder and
///   becomes the real QEMU with others, so that node and simulated processor see the process they started.
/// - `relay FOLDER NAME...` is that recorder.
/// - `listen FOLDER PORT` records TCP connections to a port of the loopback; its first line names the port to call.
@main
struct ByteRecorder {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        let arguments = Array(CommandLine.arguments.dropFirst())
        do throws(RecorderError) {
            switch (arguments.first, arguments.count) {
            case ("machine", 3...):
                try RecordedMachine(folder: arguments[1], program: arguments[2], arguments: Array(arguments[3...]))
                    .become()
            case ("relay", 3...):
                var relay = try Relay.machine(folder: arguments[1], names: Array(arguments[2...]))
                try relay.run()
            case ("listen", 3):
                guard let port = UInt16(arguments[2]) else { throw RecorderError("\(arguments[2]) is no port") }
                try Listener(folder: arguments[1], target: port).run()
            default:
                throw RecorderError("usage: byte-recorder machine|relay|listen ...")
            }
        } catch {
            let complaint = Array("byte-recorder: \(error)\n".utf8)
            _ = write(STDERR_FILENO, complaint, complaint.count)
            exit(1)
        }
    }
}
