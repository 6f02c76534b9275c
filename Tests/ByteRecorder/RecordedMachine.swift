import CLinux
import Glibc

/// A QEMU whose every socket leads through a recorder.
struct RecordedMachine {
    /// What the recorder asks QEMU on a monitor of its own; the answers are a record like the others.
    private static let questions = """
        {"execute": "qmp_capabilities"}
        {"execute": "query-block", "id": "block"}
        {"execute": "query-named-block-nodes", "id": "nodes"}

        """
    /// The monitor that is not the node's.
    static let ownMonitor = "recorder"

    let folder: String
    let program: String
    let arguments: [String]

    /// The names of the socket devices and their inherited descriptors.
    private var sockets: [(name: String, descriptor: CInt)] {
        self.arguments.compactMap { argument in
            let fields = argument.split(separator: ",")
            guard fields.first == "socket",
                let name = fields.first(where: { $0.hasPrefix("id=") })?.dropFirst(3),
                let number = fields.first(where: { $0.hasPrefix("fd=") }).flatMap({ CInt($0.dropFirst(3)) })
            else { return nil }
            return (String(name), number)
        }
    }

    /// Writes the arguments down, starts the recorder and becomes QEMU; returns only by throwing.
    func become() throws(RecorderError) {
        let place = "\(self.folder)/\(getpid())"
        guard mkdir(place, 0o755) == 0 else { throw RecorderError("cannot make \(place): error \(errno)") }
        let list = open("\(place)/arguments", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard list >= 0 else { throw RecorderError("cannot write \(place)/arguments") }
        try writeAll(Array(self.arguments.joined(separator: "\0").utf8)[...], to: list)
        close(list)
        let sockets = self.sockets
        var added: [String] = []
        if !sockets.isEmpty {
            var names: [String] = []
            var ends: [CInt] = []
            for socket in sockets {
                let pair = try Self.pair()
                names.append(socket.name)
                ends += [dup(socket.descriptor), pair.recorder]
                dup2(pair.machine, socket.descriptor)
                close(pair.machine)
            }
            let own = try Self.pair()
            let bytes = Array(Self.questions.utf8)
            try writeAll(bytes[...], to: own.recorder)
            names.append(Self.ownMonitor)
            ends += [-1, own.recorder]
            added = [
                "-chardev", "socket,id=\(Self.ownMonitor),fd=\(own.machine)", "-mon",
                "chardev=\(Self.ownMonitor),mode=control",
            ]
            try Self.startRelay(folder: place, names: names, ends: ends)
            for end in ends where end >= 0 { close(end) }
        }
        var argv: [UnsafeMutablePointer<CChar>?] = ([self.program] + self.arguments + added).map { strdup($0) } + [nil]
        execv(self.program, &argv)
        throw RecorderError("cannot become \(self.program): error \(errno)")
    }

    private static func pair() throws(RecorderError) -> (machine: CInt, recorder: CInt) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw RecorderError("no socket pair: error \(errno)")
        }
        return (ends[0], ends[1])
    }

    private static func startRelay(folder: String, names: [String], ends: [CInt]) throws(RecorderError) {
        var argv: [UnsafeMutablePointer<CChar>?] =
            (["byte-recorder", "relay", folder] + names).map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        let descriptors = [-1, -1, -1] + ends
        let pid = cl_spawn(
            "/proc/self/exe", &argv, &environment, descriptors, CInt(descriptors.count), CL_KEEP, CL_KEEP, 0, nil)
        guard pid > 0 else { throw RecorderError("cannot start the recorder: error \(-pid)") }
    }
}
