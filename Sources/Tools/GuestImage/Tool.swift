import Foundation

/// Runs programs of the system, with an environment that leaves nothing to the caller's settings.
enum Tool {
    /// Runs a program to its end; what it says goes to `log`, whose end is in the error when it fails.
    static func run(_ program: String, _ arguments: [String], in folder: String, log: String) throws(GuestBuildError) {
        guard let path = find(program) else {
            throw GuestBuildError("\(program) is not installed; run scripts/setup")
        }
        guard FileManager.default.createFile(atPath: log, contents: nil),
            let output = FileHandle(forWritingAtPath: log)
        else { throw GuestBuildError("\(log) cannot be written") }
        defer { try? output.close() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        do {
            try process.run()
        } catch {
            throw GuestBuildError("\(path) cannot be started: \(error)")
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            let end = said.split(separator: "\n").suffix(20).joined(separator: "\n")
            throw GuestBuildError(
                "\(program) failed with \(process.terminationStatus):\n\(end)\n(the whole log is \(log))")
        }
    }

    private static func find(_ program: String) -> String? {
        searchPath.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static var searchPath: [String] {
        (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/usr/sbin:/bin").split(separator: ":").map(
            String.init)
    }

    /// Proxy settings and the home folder pass; language, time zone and this project's switches do not.
    private static var environment: [String: String] {
        let given = ProcessInfo.processInfo.environment
        var result = ["LC_ALL": "C", "TZ": "UTC"]
        for (name, value) in given
        where ["PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy"].contains(name) {
            result[name] = value
        }
        return result
    }
}

/// Whole files in and out.
enum Disk {
    static func read(_ path: String) throws(GuestBuildError) -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw GuestBuildError("\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    /// The names in a folder, sorted; none when there is no folder.
    static func list(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    static func makeFolder(_ path: String) throws(GuestBuildError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw GuestBuildError("\(path) cannot be made: \(error.localizedDescription)")
        }
    }

    /// Writes beside the target and renames, so that nobody sees half a file.
    static func write(_ bytes: [UInt8], to path: String) throws(GuestBuildError) {
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw GuestBuildError("\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// A new, empty folder for the time of `work`.
    static func scratch<Value>(
        beside path: String, _ work: (String) throws(GuestBuildError) -> Value
    ) throws(GuestBuildError) -> Value {
        removeAbandoned(beside: path)
        let folder = "\(path).work-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max))"
        try makeFolder(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try work(folder)
    }

    /// Removes what a process that was killed has left.
    private static func removeAbandoned(beside path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let folder = parts.dropLast().joined(separator: "/")
        let prefix = "\(parts.last ?? "").work-"
        for name in list(folder) where name.hasPrefix(prefix) {
            let process = name.dropFirst(prefix.count).prefix { $0 != "-" }
            guard !FileManager.default.fileExists(atPath: "/proc/\(process)") else { continue }
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }
}
