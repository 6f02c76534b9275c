import CLinux
import Foundation

/// Runs other programs: to the end with their output, or detached with a record to stop them by.
enum ChildProcess {
    /// The outcome of a program that ran to its end.
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs a program to its end; nothing of this process' environment but `PATH`, `HOME` and `extra` is passed on.
    static func run(
        _ path: String, _ arguments: [String], environment extra: [String: String] = [:], folder: String? = nil,
        input: [UInt8] = []
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = environment(extra)
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        let scratch = FileManager.default.temporaryDirectory.path + "/testudo-\(UUID().uuidString)"
        for suffix in [".out", ".err", ".in"] {
            let contents = suffix == ".in" ? Data(input) : Data()
            guard FileManager.default.createFile(atPath: scratch + suffix, contents: contents) else {
                throw CommandFailure("cannot write \(scratch)", hint: "is the disk full?")
            }
        }
        defer {
            for suffix in [".out", ".err", ".in"] { try? FileManager.default.removeItem(atPath: scratch + suffix) }
        }
        process.standardOutput = FileHandle(forWritingAtPath: scratch + ".out")
        process.standardError = FileHandle(forWritingAtPath: scratch + ".err")
        process.standardInput = FileHandle(forReadingAtPath: scratch + ".in")
        try process.run()
        process.waitUntilExit()
        let output = try StateFolder.text(scratch + ".out")
        let errors = try StateFolder.text(scratch + ".err")
        return Outcome(status: process.terminationStatus, output: output, errors: errors)
    }

    /// Runs a program that has to succeed.
    @discardableResult
    static func require(
        _ path: String, _ arguments: [String], environment extra: [String: String] = [:], folder: String? = nil,
        input: [UInt8] = []
    ) throws -> String {
        let outcome = try run(path, arguments, environment: extra, folder: folder, input: input)
        guard outcome.status == 0 else {
            let said = outcome.errors.trimmingCharacters(in: .whitespacesAndNewlines)
            throw CommandFailure("`\(path) \(arguments.joined(separator: " "))` failed: \(said)")
        }
        return outcome.output
    }

    private static func environment(_ extra: [String: String]) -> [String: String] {
        var result = extra
        for name in ["PATH", "HOME", "TESTUDO_ROOT"] {
            if result[name] == nil, let value = ProcessInfo.processInfo.environment[name] { result[name] = value }
        }
        return result
    }

    /// Starts a program in a session of its own that outlives this one; its output goes to `log`.
    static func detach(_ path: String, _ arguments: [String], log: String) throws -> Int32 {
        let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandFailure("cannot write \(log)", hint: "check permissions and disk") }
        defer { close(descriptor) }
        let environment = environment([:]).map { "\($0.key)=\($0.value)" }.sorted()
        let pid = Spawner.spawn(
            path: path, arguments: [path] + arguments, environment: environment,
            descriptors: [-1, descriptor, descriptor])
        guard pid > 0 else {
            throw CommandFailure("cannot start \(path): \(String(cString: strerror(-pid)))")
        }
        return pid
    }
}

/// The C spawn with Swift arrays.
enum Spawner {
    static func spawn(path: String, arguments: [String], environment: [String], descriptors: [Int32]) -> Int32 {
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        let noUser = UInt32.max
        return cl_spawn(
            path, &argv, &envp, descriptors, Int32(descriptors.count), noUser, noUser, 0, nil)
    }
}
