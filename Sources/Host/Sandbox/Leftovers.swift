import CLinux
import Glibc

/// Finds and removes what an instance has on the machine: processes, containers, mounts, cgroups, folders.
enum Leftovers {
    /// Removes everything of one instance, in the order in which things hold each other.
    static func remove(_ entry: InstanceJournal.Entry) async throws(AtomicFile.Failure) {
        for _ in 0..<50 {
            let processes = self.processes(of: entry)
            if processes.isEmpty { break }
            for process in processes { kill(process, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(20))
        }
        for mount in self.mounts(below: entry.folder) { umount2(mount, CInt(MNT_DETACH)) }
        for cgroup in self.cgroups(of: entry) { rmdir(cgroup) }
        // Their common parent goes with the last of them; while others are in it this fails, as it should.
        if entry.usesHostRuntime { for parent in self.cgroupParents() { rmdir(parent) } }
        try AtomicFile.removeTree(entry.folder)
    }

    /// The agent and the runtime that were started for the instance, by their arguments, and all in its control group.
    ///
    /// The processes of virtual machines are not looked for: the kernel kills them together with the node.
    static func processes(of entry: InstanceJournal.Entry) -> [pid_t] {
        guard entry.usesHostRuntime else { return [] }
        let own = getpid()
        let signs = [
            ("cmdline", "--state\0\(entry.folder)\0"), ("cmdline", "--root\0\(entry.folder)/"),
            ("cgroup", "/\(entry.id)-"),
        ]
        return AtomicFile.names(in: "/proc").compactMap { pid_t($0) }.filter { process in
            guard process != own, process > 1 else { return false }
            return signs.contains { file, sign in
                let text = try? AtomicFile.read("/proc/\(process)/\(file)", limit: 1 << 20)
                return text.map { self.contains($0, Array(sign.utf8)) } ?? false
            }
        }
    }

    /// Mount points below a folder, deepest first.
    static func mounts(below folder: String) -> [String] {
        guard let table = try? AtomicFile.read("/proc/self/mountinfo", limit: 16 << 20) else { return [] }
        let points = String(decoding: table, as: UTF8.self).split(separator: "\n").compactMap { line -> String? in
            let fields = line.split(separator: " ")
            return fields.count > 4 ? String(fields[4]).replacingEscapes() : nil
        }
        return points.filter { $0 == folder || $0.hasPrefix("\(folder)/") }.sorted { $0.count > $1.count }
    }

    /// The cgroups that carry the instance's name, in every hierarchy, deepest first.
    static func cgroups(of entry: InstanceJournal.Entry) -> [String] {
        guard entry.usesHostRuntime else { return [] }
        let root = "/sys/fs/cgroup"
        var found: [String] = []
        func search(_ folder: String, depth: Int, inside: Bool) {
            for name in AtomicFile.names(in: folder) {
                let path = "\(folder)/\(name)"
                var status = stat()
                guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { continue }
                let matches = inside || name.contains(entry.id)
                if depth > 0 { search(path, depth: depth - 1, inside: matches) }
                if matches { found.append(path) }
            }
        }
        search(root, depth: 6, inside: false)
        return found.sorted { $0.count > $1.count }
    }

    private static func cgroupParents() -> [String] {
        let root = "/sys/fs/cgroup"
        return ["\(root)/testudo"] + AtomicFile.names(in: root).map { "\(root)/\($0)/testudo" }
    }

    private static func contains(_ bytes: [UInt8], _ needle: [UInt8]) -> Bool {
        guard bytes.count >= needle.count, !needle.isEmpty else { return false }
        return (0...(bytes.count - needle.count)).contains { bytes[$0...].prefix(needle.count).elementsEqual(needle) }
    }
}

extension String {
    /// The octal escapes of mountinfo (space, tab, newline, backslash) put back.
    fileprivate func replacingEscapes() -> String {
        var result: [UInt8] = []
        var rest = Array(self.utf8)[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "\\"), rest.count >= 4,
                let value = UInt8(String(decoding: rest.dropFirst().prefix(3), as: UTF8.self), radix: 8)
            {
                result.append(value)
                rest = rest.dropFirst(4)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
