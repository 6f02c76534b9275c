import Foundation
import WireFormat

/// A process that `testudo up` started, with what proves that a pid still means it.
struct DaemonRecord: Sendable {
    let name: String
    let pid: Int32
    /// Field 22 of `/proc/PID/stat`: clock ticks from boot to the process' start.
    let startTime: String

    init(name: String, pid: Int32) throws {
        guard let startTime = Self.startTime(of: pid) else { throw CommandFailure("\(name) ended at once") }
        self.name = name
        self.pid = pid
        self.startTime = startTime
    }

    private init(name: String, pid: Int32, startTime: String) {
        self.name = name
        self.pid = pid
        self.startTime = startTime
    }

    private static func file(_ name: String, _ state: StateFolder) -> String { "\(state.run)/\(name).pid" }

    static func load(_ name: String, _ state: StateFolder) -> DaemonRecord? {
        guard let text = try? StateFolder.text(file(name, state)) else { return nil }
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let pid = Int32(words[0]) else { return nil }
        return DaemonRecord(name: name, pid: pid, startTime: String(words[1]))
    }

    func save(_ state: StateFolder) throws {
        try StateFolder.write("\(pid) \(startTime)\n", to: Self.file(name, state))
    }

    /// Whether the very process that was started still runs.
    var isRunning: Bool { Self.startTime(of: pid) == startTime }

    /// Ends the process: SIGTERM, `grace` seconds, SIGKILL. Returns once it is gone.
    func stop(_ state: StateFolder, grace: Double = 10) {
        if isRunning {
            kill(pid, SIGTERM)
            let deadline = Date().addingTimeInterval(grace)
            while isRunning && Date() < deadline { usleep(20_000) }
            if isRunning { kill(pid, SIGKILL) }
            while isRunning { usleep(5_000) }
        }
        try? FileManager.default.removeItem(atPath: Self.file(name, state))
    }

    /// The start time of a live process; nil for a dead one or a zombie.
    static func startTime(of pid: Int32) -> String? {
        var status: Int32 = 0
        _ = waitpid(pid, &status, WNOHANG)
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z" else { return nil }
        return String(fields[19])
    }
}
