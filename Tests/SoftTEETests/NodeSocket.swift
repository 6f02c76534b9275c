import CLinux
import Foundation
import Glibc
import Hypervisor
import Testing

@testable import SoftTEE

/// A node of the test's own making that speaks to the processor by hand.
final class NodeSocket {
    private var socket: CInt
    private let agent: CInt
    private let process: Process
    private var framing = LineFraming()

    init(_ plan: LaunchPlan, keys: String) throws {
        var control: [CInt] = [-1, -1]
        var agent: [CInt] = [-1, -1]
        try #require(cl_socketpair(CInt(SOCK_STREAM.rawValue), &control) == 0)
        try #require(cl_socketpair(CInt(SOCK_STREAM.rawValue), &agent) == 0)
        // Foundation cannot hand descriptor 3 over; the shell can, from standard input.
        self.process = Process()
        self.process.executableURL = URL(fileURLWithPath: "/bin/sh")
        self.process.arguments = ["-c", "exec \"$0\" run --keys \"$1\" 3<&0 </dev/null", softTEEProgram, keys]
        self.process.standardInput = FileHandle(fileDescriptor: control[1], closeOnDealloc: false)
        try self.process.run()
        Glibc.close(control[1])
        (self.socket, self.agent) = (control[0], agent[0])
        var inputs = [agent[1]]
        for file in [plan.firmware, plan.kernel, plan.initrd] {
            guard case .path(let path) = file else { throw SoftTEEError("the plan has no paths") }
            inputs.append(open(path, O_RDONLY | O_CLOEXEC))
        }
        let line = SoftTEERequest(plan).line
        let sent = cl_send_fds(self.socket, line, line.count, inputs, inputs.count)
        for input in inputs { Glibc.close(input) }
        try #require(sent == line.count)
    }

    deinit {
        self.close()
        Glibc.close(self.agent)
    }

    func send(_ bytes: [UInt8]) { _ = Glibc.send(self.socket, bytes, bytes.count, CInt(MSG_NOSIGNAL)) }

    /// The next line, or nil after `timeout` milliseconds or at the end.
    func line(timeout: CInt = 20_000) -> [UInt8]? {
        var bytes: [UInt8] = []
        while true {
            var ready = pollfd(fd: self.socket, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, timeout) == 1 else { return nil }
            var byte: UInt8 = 0
            guard read(self.socket, &byte, 1) == 1 else { return nil }
            if byte == 10 { return bytes }
            bytes.append(byte)
        }
    }

    func close() {
        if self.socket >= 0 { Glibc.close(self.socket) }
        self.socket = -1
    }

    func stop() {
        self.close()
        self.process.waitUntilExit()
    }

    /// The processor's exit code.
    func wait() -> CInt {
        self.process.waitUntilExit()
        return self.process.terminationStatus
    }
}

extension SimulatedMachineTests {
    /// Whether a process is gone or only waits to be reaped.
    static func isGone(_ pid: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
        return status.split(separator: ")").last?.hasPrefix(" Z") == true
    }

    /// A copy of a file with the last byte changed, or unchanged.
    static func altered(_ file: MachineFile, _ folder: ChipFolder, flip: Bool = true) throws -> String {
        guard case .path(let path) = file else { throw SoftTEEError("the plan has no paths") }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        if flip { bytes[bytes.count - 1] ^= 1 }
        let copy = "\(folder.path)/copy-\(UUID().uuidString)"
        try bytes.write(to: URL(fileURLWithPath: copy))
        return copy
    }

    /// Runs the program to its end.
    static func run(_ arguments: [String]) -> (code: CInt, output: String, errors: String) {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: softTEEProgram)
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = errors
        guard (try? process.run()) != nil else { return (-1, "", "cannot run \(softTEEProgram)") }
        let texts = [output, errors].map {
            String(decoding: $0.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        process.waitUntilExit()
        return (process.terminationStatus, texts[0], texts[1])
    }

    /// Sends report data to the tiny guest and reads the framed answer, off the test's thread.
    static func exchange(_ socket: OwnedDescriptor, _ data: [UInt8]) async -> [UInt8] {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                guard let descriptor = socket.value else { return continuation.resume(returning: []) }
                _ = write(descriptor, data, data.count)
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 4096)
                while bytes.count < 4 || bytes.count < 4 + bytes[..<4].reduce(0, { $0 << 8 | Int($1) }) {
                    let count = read(descriptor, &buffer, buffer.count)
                    guard count > 0 else { break }
                    bytes += buffer[..<count]
                }
                continuation.resume(returning: bytes)
            }
        }
    }
}
