import CLinux
import Glibc

/// A file without a name, in memory, that a program reads or writes through an inherited descriptor.
final class MemoryFile {
    let descriptor: Int32

    init?(_ bytes: [UInt8] = []) {
        descriptor = cl_memfd("root-key", UInt32(CL_MFD_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// What lies in the file, or nil when that is more than `limit` bytes.
    func bytes(limit: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count >= 0, count <= limit else { return nil }
        return Array(bytes[..<count])
    }
}
