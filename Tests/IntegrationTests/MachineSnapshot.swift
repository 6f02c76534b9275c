import Foundation
import Glibc

/// What a machine has beside files that a deployment may keep: what is more after it than before was left behind.
struct MachineSnapshot {
    private var kinds: [String: Set<String>] = [:]

    /// `stack` is whose processes, mounts and sockets count; the machine may be busy with others. `seen` are processes
    /// that belonged to it at some time: guests of a killed node are nobody's children.
    init(_ stack: LiveStack, seen: Set<ProcessTable.Entry>) {
        let table = ProcessTable.read().values.filter { !$0.isZombie }
        kinds["processes"] = Set(
            table.filter { entry in seen.contains { $0.identity == entry.identity } || Self.isOf(stack, entry) }
                .map { "\($0.identity) \(Self.commandLine($0))" })
        kinds["orphaned guests"] = Set(table.filter { $0.isQEMU && $0.parent == 1 }.map(\.identity))
        kinds["mounts"] = Set(
            Self.lines("/proc/self/mountinfo").filter { $0.contains(stack.folder) || $0.contains("nsfs") })
        kinds["block devices"] = Self.blockDevices()
        kinds["cgroups"] = Self.cgroups()
        kinds["network namespaces"] = Self.names("/run/netns")
        kinds["network devices"] = Self.names("/sys/class/net")
        kinds["sockets"] = Self.listeners(on: stack.ports).union(
            Self.lines("/proc/net/unix").filter { $0.contains(stack.folder) })
        kinds["temporary files"] = Self.temporaryFiles()
        kinds["instances"] = Self.names("\(stack.state)/node/instances")
        kinds["process records"] = Set(Self.names("\(stack.state)/run").filter { $0.hasSuffix(".pid") })
        kinds["half-written files"] = Self.halfWritten(stack.state)
    }

    /// What is here and was not there.
    func left(since earlier: MachineSnapshot) -> [String] {
        kinds.keys.sorted().flatMap { kind in
            (kinds[kind] ?? []).subtracting(earlier.kinds[kind] ?? []).sorted().map { "\(kind): \($0)" }
        }
    }

    private static func isOf(_ stack: LiveStack, _ entry: ProcessTable.Entry) -> Bool {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(entry.pid)/exe")) ?? ""
        return program.hasPrefix(stack.folder) || commandLine(entry).contains(stack.state)
            || text(ProcessTable.bytes(entry.pid, "cgroup")).contains("/testudo/")
    }

    private static func commandLine(_ entry: ProcessTable.Entry) -> String {
        text(ProcessTable.bytes(entry.pid, "cmdline")).replacingOccurrences(of: "\0", with: " ")
    }

    private static func lines(_ file: String) -> [String] {
        text([UInt8](FileManager.default.contents(atPath: file) ?? Data())).split(separator: "\n").map(String.init)
    }

    private static func names(_ folder: String) -> Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    }

    /// Device-mapper devices, and loop devices that have a file behind them.
    private static func blockDevices() -> Set<String> {
        names("/sys/block").filter {
            $0.hasPrefix("dm-") || FileManager.default.fileExists(atPath: "/sys/block/\($0)/loop/backing_file")
        }
    }

    private static func cgroups() -> Set<String> {
        var found: Set<String> = []
        func search(_ folder: String, depth: Int) {
            for name in names(folder) {
                let path = "\(folder)/\(name)"
                var status = stat()
                guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { continue }
                if path.contains("testudo") { found.insert(path) }
                if depth > 0 { search(path, depth: depth - 1) }
            }
        }
        search("/sys/fs/cgroup", depth: 4)
        return found
    }

    private static func listeners(on ports: [Int]) -> Set<String> {
        let endings = ports.map { ":" + String(format: "%04X", $0) }
        return Set(
            (lines("/proc/net/tcp") + lines("/proc/net/tcp6")).compactMap { line in
                let fields = line.split(separator: " ")
                guard fields.count > 3, fields[3] == "0A", endings.contains(where: fields[1].hasSuffix) else {
                    return nil
                }
                return "listening on \(fields[1])"
            })
    }

    /// New names where programs put what is temporary; scratch folders of other tests have their own mark.
    private static func temporaryFiles() -> Set<String> {
        let wanted = ["testudo", "qemu", "runc", "vl.", "memfd"]
        var found = names("/dev/shm").union(names("/run/runc").map { "/run/runc/\($0)" })
        for folder in ["/tmp", "/var/tmp"] {
            for name in names(folder) where wanted.contains(where: name.hasPrefix) {
                let isScratch = name.split(separator: "-").count > 5
                if !isScratch { found.insert("\(folder)/\(name)") }
            }
        }
        return found
    }

    private static func halfWritten(_ folder: String) -> Set<String> {
        guard let walk = FileManager.default.enumerator(atPath: folder) else { return [] }
        return Set(walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".new") })
    }
}
