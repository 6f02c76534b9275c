import Envelope
import Glibc

/// What decides whether a kernel boots under KVM here: the kernel, QEMU, the processor with its microcode, the host.
struct HostFingerprint {
    /// The digest over all of it, in hex.
    let text: String

    init(kernel: String, qemu: String) throws(MachineError) {
        let image = try wholeFile(kernel, limit: 256 << 20, purpose: "kernel")
        var status = stat()
        guard stat(qemu, &status) == 0 else {
            throw MachineError(.missing, "\(qemu) is not installed (Debian package qemu-system-x86)")
        }
        var system = utsname()
        uname(&system)
        let release = withUnsafeBytes(of: system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let processor = (try? wholeFile("/proc/cpuinfo", limit: 4 << 20, purpose: "processor list")).map(Self.processor)
        let parts = [
            SHA256Digest(hashing: image).hex, "\(status.st_size) \(status.st_mtim.tv_sec) \(status.st_ino)", release,
            processor ?? "unknown",
        ]
        self.text = SHA256Digest(hashing: Array(parts.joined(separator: "\n").utf8)).hex
    }

    /// Model and microcode of the first processor in `/proc/cpuinfo`.
    static func processor(_ cpuinfo: [UInt8]) -> String {
        let first = String(decoding: cpuinfo, as: UTF8.self).split(separator: "\n\n", maxSplits: 1).first ?? ""
        let wanted = ["model name", "microcode", "stepping", "hypervisor"]
        return first.split(separator: "\n")
            .filter { line in wanted.contains { line.hasPrefix($0) } }
            .joined(separator: "\n")
    }
}

/// Reads a whole file of at most `limit` bytes.
func wholeFile(_ path: String, limit: Int, purpose: String) throws(MachineError) -> [UInt8] {
    let owner = OwnedDescriptor(open(path, O_RDONLY | O_CLOEXEC))
    guard let descriptor = owner.value, descriptor >= 0 else {
        throw MachineError(.missing, "cannot open the \(purpose) \(path): \(String(cString: strerror(errno)))")
    }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0, content.count + max(count, 0) <= limit else {
            throw MachineError(.missing, "cannot read the \(purpose) \(path), or it is longer than \(limit) bytes")
        }
        if count == 0 { return content }
        content += chunk[..<count]
    }
}
