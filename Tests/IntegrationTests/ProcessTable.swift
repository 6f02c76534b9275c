import Foundation
import Glibc

/// What `/proc` says of processes.
enum ProcessTable {
    struct Entry: Hashable {
        let pid: pid_t
        let parent: pid_t
        let name: String
        let isZombie: Bool
        /// Clock ticks from boot: with the number it means one process for ever.
        let start: String

        var isQEMU: Bool { name.hasPrefix("qemu-system") }
        var identity: String { "\(name) \(pid) \(start)" }
    }

    static func read() -> [pid_t: Entry] {
        let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }
        var table: [pid_t: Entry] = [:]
        for pid in numbers {
            guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")")
            else { continue }
            let fields = stat[stat.index(after: close)...].split(separator: " ")
            guard fields.count > 19, let parent = pid_t(fields[1]) else { continue }
            table[pid] = Entry(
                pid: pid, parent: parent, name: String(stat[stat.index(after: open)..<close]),
                isZombie: fields[0] == "Z", start: String(fields[19]))
        }
        return table
    }

    /// A process and its living descendants.
    static func family(of root: pid_t) -> [Entry] {
        let table = read()
        var found = table[root].map { [$0] } ?? []
        var index = 0
        while index < found.count {
            found += table.values.filter { $0.parent == found[index].pid }
            index += 1
        }
        return found.filter { !$0.isZombie }
    }

    static func bytes(_ pid: pid_t, _ file: String) -> [UInt8] {
        [UInt8](FileManager.default.contents(atPath: "/proc/\(pid)/\(file)") ?? Data())
    }
}

/// Ports that were free a moment ago.
enum FreePorts {
    static func find(_ count: Int) throws -> [Int] {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        return try (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            descriptors.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let outcome = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
                }
            }
            guard outcome == 0 else { throw POSIXError(.EADDRINUSE) }
            return Int(UInt16(bigEndian: address.sin_port))
        }
    }
}
